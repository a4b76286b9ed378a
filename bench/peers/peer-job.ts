import { join } from "node:path";
import type { WorkloadInput } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";

/** How a peer is run. */
export interface PeerSettings {
  readonly variant: string;
  readonly batchRows: number;
}

/** A column of the rows that Shardmill published, as DuckDB names its type. */
export interface PublishedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * `kept`: the same value; `class`: the same but where two scores tie; `number`, `vector`: the same within
 * rounding; `direction`: vectors that point the same way.
 */
export type ColumnKind = "kept" | "class" | "number" | "vector" | "direction";

interface PeerJobOptions {
  readonly workload: Workload;
  /** Paths of the input's files, or where they are in a bucket, in order. */
  readonly files: readonly string[];
  readonly columns: readonly PublishedColumn[];
  readonly settings: PeerSettings;
  readonly cores: number;
  readonly outputPath: string;
}

/** DuckDB's name of a column's type -> Arrow's, for tools that have to know a schema before they run. */
const ARROW_TYPES: Readonly<Record<string, string>> = {
  INTEGER: "int32",
  BIGINT: "int64",
  FLOAT: "float32",
  DOUBLE: "float64",
  "FLOAT[]": "list<float32>",
};

/** What python/peer_job.py reads. */
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

/** A tensor, and what it is made of. */
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

/**
 * How closely each column has to agree: kept ones exactly, classes nearly always, numbers within rounding.
 */
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
