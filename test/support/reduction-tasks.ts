import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../shared/core/digest.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import type { ReductionSpec } from "../../shared/domain/reduce-spec.ts";
import type { TableFile } from "../../shared/domain/reduction-tasks.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { aLease, anInputFile } from "./builders.ts";
import { writePartials } from "./partial-builder.ts";
import { aJob, SUM_PLAN } from "./shard-job.ts";

export const SUMS = {
  by: ["k"],
  combine: "SELECT k, sum(v) AS s, count(*) AS n FROM rows GROUP BY k",
  final: "SELECT k, sum(s) AS s, sum(n)::BIGINT AS n FROM partials GROUP BY k ORDER BY k",
};
const ROWS_SQL = "SELECT CASE i % 11 WHEN 0 THEN NULL ELSE i % 97 END AS k, i * i AS v";
/** All rows of the tables. */
export const ALL_ROWS_SQL = `${ROWS_SQL} FROM range(0, 400) r(i)`;

/** Returns the path of the list of tables in the folder of a test. */
export function tableList(root: string): string {
  return join(root, "tables.json");
}

/** Writes the combined tables of three shards, and their list. */
export async function writeTables(root: string, spec: ReductionSpec): Promise<readonly TableFile[]> {
  const partialsPath = join(root, "partials");
  const partials = await writePartials(
    { partialsPath, tempFolder: join(root, "temp"), reduce: { sums: spec } },
    [0, 90, 250].map((start, shard) => ({
      shard,
      rows: `${ROWS_SQL} FROM range(${start}, ${[90, 250, 400][shard]}) r(i)`,
    })),
  );
  const found = partials.map((partial): TableFile => {
    const { name, rows, bytes, sha256: digest } = reducedFile(partial, "sums");
    const location = parseLocation(join(partialsPath, partialFolder(partial), name));
    return { location, rows, bytes, sha256: digest };
  });
  await writeFile(tableList(root), JSON.stringify(found));
  return found;
}

/** Describes an inner job over the written tables, with results in the folder `results`. */
export async function describeTasks(root: string, spec: ReductionSpec = SUMS): Promise<JobDescription> {
  const list = tableList(root);
  const text = await readFile(list);
  await writeFile(join(root, "beacon"), "here");
  return aJob({
    partialsPath: join(root, "results"),
    beacon: { path: parseLocation(join(root, "beacon")), content: "here" },
    model: null,
    map: { ...SUM_PLAN, inputs: [], outputs: [], keep: [], columns: [] },
    tasks: {
      name: "sums",
      spec,
      fields: [
        { name: "k", type: { kind: "numeric", type: "int64" }, nullable: true },
        { name: "v", type: { kind: "numeric", type: "int64" }, nullable: false },
      ],
      list: { location: parseLocation(list), bytes: text.length, sha256: sha256(text) },
    },
  });
}

/** Returns a lease of some buckets. */
export function taskLease(root: string, { from, to }: BucketRange, sequence: number): Lease {
  return {
    ...aLease(),
    token: { generation: 1, sequence },
    shard: { id: shardId(0), rowStart: from, rowEnd: to },
    slices: [{ file: anInputFile({ path: tableList(root) }), rowStart: from, rowEnd: to }],
  };
}
