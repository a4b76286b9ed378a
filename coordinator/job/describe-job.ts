import type { DeviceCheckPlan, JobDescription, PlannedJob } from "../../shared/domain/job.ts";
import { sampleSlices } from "../../shared/domain/sample-slices.ts";
import { shardRows } from "../../shared/domain/shard.ts";

/** What workers are told of a planned job, and where its partials go. */
export function describeJob(
  jobId: string,
  planned: PlannedJob,
  place: Pick<JobDescription, "partialsPath" | "beacon">,
): JobDescription {
  const { spec, model, map, shards } = planned;
  return {
    jobId,
    name: spec.name,
    model,
    device: spec.model.device,
    map,
    deviceCheck: deviceCheckOf(planned),
    rowsInput: shards.reduce((rows, shard) => rows + shardRows(shard), 0),
    batchRows: spec.map.batch.rows,
    batchTokens: spec.map.batch.tokens,
    rowsFormat: spec.output.rows,
    reduce: spec.reduce,
    ...place,
  };
}

function deviceCheckOf(planned: PlannedJob): DeviceCheckPlan | null {
  const { precision, check } = planned.spec.model;
  if (check.rows === 0) return null;
  return { precision, check, sample: fewer(sampleSlices(planned, check.rows)) };
}

/**
 * A description must fit into a message of 16 MiB, with the longest names that there are: of 65,536 files of
 * one row it would not. A check ends after some seconds, and would not come to more.
 */
const MOST_SLICES = 1_024;

/** From all over them. */
function fewer<T>(slices: readonly T[]): readonly T[] {
  if (slices.length <= MOST_SLICES) return slices;
  const picked = new Set(
    Array.from({ length: MOST_SLICES }, (_, at) => Math.floor((at * slices.length) / MOST_SLICES)),
  );
  return slices.filter((_, at) => picked.has(at));
}
