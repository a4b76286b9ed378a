import type { JobDescription, PlannedJob } from "../../shared/domain/job.ts";
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
    rowsInput: shards.reduce((rows, shard) => rows + shardRows(shard), 0),
    batchRows: spec.map.batch.rows,
    batchTokens: spec.map.batch.tokens,
    rowsFormat: spec.output.rows,
    reduce: spec.reduce,
    ...place,
  };
}
