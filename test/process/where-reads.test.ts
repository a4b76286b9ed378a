import { expect, test } from "vitest";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { plannedRows } from "../../shared/domain/dataset-rows.ts";
import { leaseSlices } from "../../shared/domain/lease-slices.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../worker/read/input-files.ts";
import { ShardInput } from "../../worker/read/shard-input.ts";
import type { Way } from "../../worker/read/ways.ts";
import { JobFolder, numberedRows } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";

/** Number of row groups in a file that is too large to be fetched whole. */
const GROUPS = 8;
const GROUP_ROWS = 20_000;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Returns the byte ranges of the row groups' columns, which DuckDB reads from the footer. */
async function groupRanges(path: string): Promise<readonly Range[]> {
  const rows = await query(`
    SELECT min(coalesce(dictionary_page_offset, data_page_offset)),
           max(coalesce(dictionary_page_offset, data_page_offset) + total_compressed_size)
    FROM parquet_metadata('${path}') GROUP BY row_group_id ORDER BY row_group_id`);
  return rows.map(([start, end]) => ({ start: Number(start), end: Number(end) }));
}

/** Returns the rows of a job's shards, and the row groups that a worker reads for them. */
async function readGroups(input: Readonly<Record<string, unknown>>) {
  await using job = await JobFolder.make({ files: 0, spec: { input: { path: "./data", ...input } } });
  const path = await job.writeData("data/a.parquet", numberedRows(0, GROUPS * GROUP_ROWS), GROUP_ROWS);
  const planned = await planJob((await readJobSource(job.job, { set: [], env: {} })).spec, { signal: NEVER });

  const reads: Range[] = [];
  await using storage = createLocalStorage();
  const way: Way = {
    stat: (location, signal) => storage.stat(location, signal),
    checksVersion: async () => false,
    read: (location, start, end, signal) => {
      reads.push({ start, end });
      return storage.read(location, start, end, signal);
    },
  };
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0), onFar: () => {} });
  let rows = 0;
  for (const shard of planned.shards) {
    const slices = leaseSlices(planned.dataset.files, plannedRows(planned), shard);
    using input = await ShardInput.open(slices, files, { signal: NEVER, onFile: () => {} });
    for await (const { numRows } of input.read(planned.map.columns, NEVER)) rows += numRows;
    await input.confirm(NEVER);
  }

  const groups = await groupRanges(path);
  expect(groups).toHaveLength(GROUPS);
  const isRead = ({ start, end }: Range) => reads.some((read) => read.start < end && start < read.end);
  return { rows, groups: groups.flatMap((group, at) => (isRead(group) ? [at] : [])) };
}

test("a worker reads no byte of row groups that a condition excludes", async () => {
  // The condition wants the last one, too, because the end of the file is read for its footer.
  const where = `id BETWEEN ${2 * GROUP_ROWS} AND ${4 * GROUP_ROWS - 1} OR id = ${7 * GROUP_ROWS + 5}`;
  expect(await readGroups({ where })).toEqual({ rows: 3 * GROUP_ROWS, groups: [2, 3, 7] });
});

test("a worker reads no byte of row groups that a limit excludes, except the one next to the footer", async () => {
  const { rows, groups } = await readGroups({ limit: GROUP_ROWS + 10 });
  expect(rows).toBe(GROUP_ROWS + 10);
  expect(groups.filter((group) => group !== GROUPS - 1)).toEqual([0, 1]);
});
