import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { DatasetRows } from "../../shared/domain/dataset-rows.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { placeOfRow } from "../../shared/domain/row-place.ts";
import { shardRows } from "../../shared/domain/shard.ts";

/**
 * Adds the input rows to a step's error: `[sourceStart, sourceEnd)` of the shard, and their place in the
 * input files. An abort is no error of the step, and stays unchanged.
 */
export function stepFailedAt(
  error: unknown,
  lease: Pick<Lease, "shard" | "slices">,
  sourceStart: number,
  sourceEnd: number,
): unknown {
  if (!isShardmillError(error) || error.code === "INTERRUPTED") return error;
  const first = placeOf(lease, sourceStart);
  const last = placeOf(lease, Math.max(sourceStart, sourceEnd - 1));
  const rows =
    first.path === last.path
      ? `rows ${first.row} to ${last.row} of ${first.path}`
      : `row ${first.row} of ${first.path} to row ${last.row} of ${last.path}`;
  return new ShardmillError(error.code, `${error.message} (in ${rows})`, {
    fields: { ...error.fields, shard: lease.shard.id, path: first.path, rowStart: first.row },
    problems: error.problems,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}

/** Returns the file and the row in it of a row of the shard. */
function placeOf({ slices }: Pick<Lease, "slices">, row: number): { path: string; row: number } {
  const place = new DatasetRows(slices.map(shardRows)).placeOf(row);
  const slice = present(slices[place.file], "a row of the shard lies in one of its files");
  const { file, row: rowOfFile } = placeOfRow(slice.file, slice.rowStart + place.row);
  return { path: file, row: rowOfFile };
}
