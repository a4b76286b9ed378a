import { present } from "../../shared/core/assert.ts";
import { formatCount } from "../../shared/core/units.ts";
import { whyDecoded } from "../../shared/domain/copied-rows.ts";
import { type Dataset, isTableFormat } from "../../shared/domain/dataset.ts";
import { plannedRows } from "../../shared/domain/dataset-rows.ts";
import { recordFormatOf } from "../../shared/domain/formats.ts";
import type { PlannedJob, PlannedModel } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { lastStageOf, stagesOf } from "../../shared/domain/job-stages.ts";
import { rowsFormOf } from "../../shared/domain/output-shape.ts";
import { partialShape } from "../../shared/domain/partial-layout.ts";
import { sampleSlices } from "../../shared/domain/sample-slices.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { skippedPhrases } from "../../shared/domain/skipped-files.ts";
import { undecodedPhrases } from "../../shared/domain/undecoded.ts";
import type { DeviceCheckSpec, JobDescription, ModelStage } from "../../shared/wire/job-description.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { mappingNotes } from "./other-mapping.ts";

/** Returns the description of a planned job for its workers. */
export function describeJob(
  jobId: JobId,
  planned: PlannedJob,
  place: Pick<JobDescription, "partialsPath" | "beacon">,
): JobDescription {
  const { stores, model, map, reductions, shards, stages } = planned;
  const spec = lastStageOf(planned.spec);
  const isCombined = Object.values(spec.reduce).some(({ combine }) => combine !== undefined);
  return {
    jobId,
    name: spec.name,
    model,
    device: spec.model?.device ?? "auto",
    map,
    stores,
    deviceCheck: deviceCheckOf(planned, spec.model, planned),
    rowsInput: shards.reduce((rows, shard) => rows + shardRows(shard), 0),
    batchRows: spec.map.batch.rows,
    batchTokens: spec.map.batch.tokens,
    ...(stages.length === 0 ? {} : { stages: describeStages(planned) }),
    ...partialShape(spec),
    rowsForm: rowsFormOf(spec.output),
    reductions,
    copiesRows: whyDecoded(planned) === null,
    // Steps bring the tables that they join with.
    tables: isCombined ? planned.tables : {},
    tasks: null,
    ...place,
  };
}

/** Returns the stages before the last one. */
function describeStages(planned: PlannedJob): readonly ModelStage[] {
  const specs = stagesOf(planned.spec);
  return planned.stages.map((stage, index) => {
    const spec = present(specs[index], "a planned stage is the job's");
    const { rows: batchRows, tokens: batchTokens } = spec.map.batch;
    const { name, model, map } = stage;
    return {
      ...{ name, model, map, batchRows, batchTokens },
      deviceCheck: deviceCheckOf(planned, spec.model, stage),
    };
  });
}

function deviceCheckOf(
  planned: PlannedJob,
  model: JobSpec["model"],
  { converted }: Pick<PlannedModel, "converted">,
): DeviceCheckSpec | null {
  if (model === undefined || model.check.rows === 0) return null;
  const { check } = model;
  const isConverted = converted !== null;
  return { isConverted, check, sample: fewer(sampleSlices(planned, check.rows)) };
}

/**
 * A description must fit into a message of 16 MiB, even with the longest names. With 65,536 files of one row
 * each it would not. A check ends after some seconds, so it would not read more slices anyway.
 */
const MOST_SLICES = 1_024;

/** Picks slices that are spread evenly over all of them. */
function fewer<T>(slices: readonly T[]): readonly T[] {
  if (slices.length <= MOST_SLICES) return slices;
  const picked = new Set(
    Array.from({ length: MOST_SLICES }, (_, at) => Math.floor((at * slices.length) / MOST_SLICES)),
  );
  return slices.filter((_, at) => picked.has(at));
}

/**
 * Returns notes for the user who starts the job, one line each.
 *
 * @param builds see {@link buildsOf}
 */
export function startNotes(
  {
    skippedFiles,
    undecoded,
    ...planned
  }: Pick<PlannedJob, "skippedFiles" | "undecoded" | "dataset" | "pruned" | "skipped">,
  job: Pick<JobState, "mapping" | "phase">,
  builds: readonly string[],
): string[] {
  const { total, skipped } = plannedRows(planned);
  const before = builds.slice(0, -1).join(", then ");
  return [
    ...(before === ""
      ? []
      : [`begun by shardmill ${before}, resumed by ${builds.at(-1)}: the manifest will list all of them`]),
    ...mappingNotes(job, builds),
    ...(skipped === 0
      ? []
      : [
          `a trial: ${formatCount(total)} of ${formatCount(total + skipped)} rows are run, the others skipped`,
        ]),
    ...(skippedFiles.length === 0
      ? []
      : [`excluded from the input: ${skippedPhrases(skippedFiles).join("; ")}`]),
    ...undecodedNotes(undecoded, planned.dataset.files),
  ];
}

function undecodedNotes(undecoded: PlannedJob["undecoded"], [first]: Dataset["files"]): string[] {
  if (undecoded.length === 0 || first === undefined || isTableFormat(first.format)) return [];
  const phrases = undecodedPhrases(undecoded).join("; ");
  return [
    `rows that are not UTF-8 become dead letters: ${phrases} (${recordFormatOf(first.format).words.encodingHint})`,
  ];
}

/**
 * Returns the versions of Shardmill that have worked on a job, each once, the current one last.
 *
 * @param before versions of the generations before these records
 */
export function buildsOf(before: readonly string[], records: readonly JournalRecord[]): string[] {
  const since = records.flatMap((record) => (record.kind === "generationStarted" ? [record.build] : []));
  return [...new Set([...before, ...since].reverse())].reverse();
}
