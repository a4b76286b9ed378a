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

function deviceCheckOf({ spec, dataset }: PlannedJob): DeviceCheckPlan | null {
  const { precision, check } = spec.model;
  return check.rows === 0 ? null : { precision, check, sample: sampleSlices(dataset.files, check.rows) };
}
