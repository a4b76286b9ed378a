import { stringify } from "yaml";
import type { Dim } from "../../shared/domain/tensor.ts";
import { quoteIdentifier } from "../../shared/sql/quote.ts";
import { identityModel } from "../../test/support/onnx-model.ts";
import { OUTPUT_COLUMN, rowsOf, type TortureCase } from "./torture-case.ts";

/** The job file of a case. */
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

/** `x` -> `y`, as it is: so what is published can be compared with the input, to the bit. */
export function modelOfCase({ x }: TortureCase): Uint8Array {
  const dims: Dim[] = x.width === null ? ["batch"] : ["batch", x.width];
  return identityModel({ dtype: x.dtype, dims });
}

/** In a job file `${` begins a variable. */
function literal(name: string): string {
  return name.replaceAll("${", () => "$${");
}

/** Every kept column goes through SQL on a worker, and its count through SQL on the coordinator. */
function countingSql({ kept }: TortureCase): { readonly combine: string; readonly final: string } {
  const counted = kept.map(({ name }, place) => `count(${quoteIdentifier(name)}) AS c${place}`);
  const summed = ["n", ...kept.map((_column, place) => `c${place}`)].map((n) => `sum(${n})::BIGINT AS ${n}`);
  return {
    combine: literal(`SELECT ${["count(*) AS n", ...counted].join(", ")} FROM rows`),
    final: `SELECT ${summed.join(", ")} FROM partials`,
  };
}
