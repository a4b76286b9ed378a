import { stringify } from "yaml";
import type { Dim } from "../../shared/domain/tensor.ts";
import { quoteIdentifier } from "../../shared/sql/quote.ts";
import { identityModel } from "../../test/support/onnx-model.ts";
import { OUTPUT_COLUMN, rowsOf, type TortureCase } from "./torture-case.ts";

/** Returns the job file of a case. */
export function jobFileOf(torture: TortureCase): string {
  const { x, id, kept, reduce, shardRows, batchRows, outputRows } = torture;
  const job = {
    name: "torture",
    input: { path: "./data", shardRows },
    model: { path: "./model.onnx", device: "cpu" },
    map: {
      inputs: { x: { column: literal(x.name) } },
      outputs: { [OUTPUT_COLUMN]: { tensor: "y" } },
      keep: [id, ...kept.map(({ name }) => name)].map(literal),
      batch: { rows: batchRows },
    },
    ...(reduce ? { reduce: { counts: countingSql(torture) } } : {}),
    output: { path: "./out", rows: outputRows },
    errors: { maxRows: rowsOf(torture) },
  };
  return stringify(job);
}

/** Returns a model that copies `x` to `y`, so that the output must equal the input to the bit. */
export function modelOfCase({ x }: TortureCase): Uint8Array {
  const dims: Dim[] = x.width === null ? ["batch"] : ["batch", x.width];
  return identityModel({ dtype: x.dtype, dims });
}

/** Escapes `${`, which begins a variable in a job file. */
function literal(name: string): string {
  return name.replaceAll("${", () => "$${");
}

/** Returns SQL that passes every kept column through a worker, and its count through the coordinator. */
function countingSql({ kept }: TortureCase): { readonly combine: string; readonly final: string } {
  const counted = kept.map(({ name }, place) => `count(${quoteIdentifier(name)}) AS c${place}`);
  const summed = ["n", ...kept.map((_column, place) => `c${place}`)].map((n) => `sum(${n})::BIGINT AS ${n}`);
  return {
    combine: literal(`SELECT ${["count(*) AS n", ...counted].join(", ")} FROM rows`),
    final: `SELECT ${summed.join(", ")} FROM partials`,
  };
}
