import { join } from "node:path";
import type { WorkloadInput } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";

/** Settings of a peer's run. */
export interface PeerSettings {
  readonly variant: string;
  readonly batchRows: number;
}

/** Column of the rows that Shardmill published, with DuckDB's type name. */
export interface PublishedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Comparison of a column. `kept`: equal values. `class`: equal, except for tied scores. `number`, `vector`:
 * equal within rounding. `direction`: vectors of the same direction.
 */
export type ColumnKind = "kept" | "class" | "number" | "vector" | "direction";

interface PeerJobOptions {
  readonly workload: Workload;
  /** Paths of the input's files, or their locations in a bucket, in order. */
  readonly files: readonly string[];
  readonly columns: readonly PublishedColumn[];
  readonly settings: PeerSettings;
  readonly cores: number;
  readonly outputPath: string;
}

/** Arrow type by DuckDB's type name, for tools that need a schema before they run. */
const ARROW_TYPES: Readonly<Record<string, string>> = {
  INTEGER: "int32",
  BIGINT: "int64",
  FLOAT: "float32",
  DOUBLE: "float64",
  "FLOAT[]": "list<float32>",
};

/** Returns the job that python/peer_job.py reads. */
export function peerJobOf(options: PeerJobOptions): Record<string, unknown> {
  const { workload, files, columns, settings, cores, outputPath } = options;
  return {
    input_files: files,
    model_path: workload.modelPath,
    output_path: outputPath,
    tensors: workload.inputs.map((input) => tensorOf(input, workload)),
    outputs: workload.outputs.map(({ column, tensor, op }) => ({
      column,
      tensor,
      op,
      type: arrowTypeOf(columns, column),
    })),
    keep: workload.kept,
    cores,
    batch_rows: settings.batchRows,
    variant: settings.variant,
  };
}

/** Describes a tensor and its source. */
function tensorOf(input: WorkloadInput, { folder }: Workload): Record<string, unknown> {
  const { tensor: name, mask, types, tokenizer, image, columns, rowDims: shape, scale } = input;
  if (mask !== undefined) return { name, kind: "mask", of: mask, columns: [] };
  if (types !== undefined) return { name, kind: "types", of: types, columns: [] };
  if (image !== undefined) return { name, kind: "image", columns, image };
  if (tokenizer !== undefined) {
    const { file, maxTokens } = tokenizer;
    return { name, kind: "tokens", columns, tokenizer: join(folder, file), max_tokens: maxTokens };
  }
  return { name, kind: shape.includes(null) ? "padded" : "values", columns, shape, scale };
}

/** Returns the comparison of each column: kept ones exact, classes nearly, numbers within rounding. */
export function columnKinds(
  workload: Workload,
  columns: readonly PublishedColumn[],
): Map<string, ColumnKind> {
  const outputs = new Map(workload.outputs.map((output) => [output.column, output]));
  return new Map(
    columns.map(({ name, type }): [string, ColumnKind] => {
      const output = outputs.get(name);
      if (output === undefined) return [name, "kept"];
      if (output.op === "argmax") return [name, "class"];
      if (output.op === "pool") return [name, "direction"];
      return [name, type.endsWith("[]") ? "vector" : "number"];
    }),
  );
}

function arrowTypeOf(columns: readonly PublishedColumn[], name: string): string {
  const published = columns.find((column) => column.name === name)?.type ?? "nothing";
  const type = ARROW_TYPES[published];
  if (type === undefined) throw new Error(`the peers cannot write ${name} as ${published}`);
  return type;
}
