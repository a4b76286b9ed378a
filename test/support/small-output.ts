import type { StageOptions } from "../../coordinator/publish/stage.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { aDigest, aJobId } from "./ids.ts";
import { aDeadLetter, type PartialRecipe } from "./partial-builder.ts";

/* A small job whose output has all parts: rows, a reduction, and dead letters of both kinds. */

export const REDUCE: JobSpec["reduce"] = {
  counts: {
    combine: "SELECT k, count(*) AS n FROM rows GROUP BY ALL",
    final: "SELECT k, sum(n)::BIGINT AS n FROM partials GROUP BY ALL ORDER BY ALL",
  },
};
const INT64: Field["type"] = { kind: "numeric", type: "int64" };
export const FIELDS: readonly Field[] = ["id", "k"].map((name) => ({ name, type: INT64, nullable: true }));
export const KEEP: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int32" }, nullable: true },
];
export const RECIPES: readonly PartialRecipe[] = [
  { shard: 0, rows: "SELECT range AS id, range % 3 AS k FROM range(0, 10)" },
  {
    shard: 1,
    rows: "SELECT range AS id, range % 3 AS k FROM range(10, 10)",
    dead: [aDeadLetter({ row: 10 })],
  },
  { shard: 2, rows: "SELECT range AS id, range % 3 AS k FROM range(11, 20)" },
];
export const POISONED = [aDeadLetter({ row: 20, stage: "worker", code: "ROW_POISON", message: "it's dead" })];
export const FACTS: ReturnType<StageOptions["facts"]> = {
  job: { id: aJobId("j1"), name: "digits" },
  digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
  run: { ...NO_RUN, rowsTotal: 21, shardsCommitted: 4, attempts: 5 },
  builds: ["0.1.0"],
  versions: { shardmill: "0.1.0" },
};
