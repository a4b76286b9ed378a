import { stageOutput } from "../../coordinator/publish/stage.ts";
import type { WorkPaths } from "../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../coordinator/reduce/reduce.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { publishedFields } from "../../shared/domain/output-fields.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** Place of the sample's partials and of its staged output. */
interface SamplePlace {
  readonly paths: WorkPaths;
  readonly storage: Storage;
}

/** Time after the last shard: reducing, staging, publishing. */
export interface FinishTime {
  /** Constant part, for any number of shards. */
  readonly baseMs: number;
  /** Additional time for each row. */
  readonly rowMs: number;
}

/**
 * Reduces and stages the sample's partials as a run would, first one of them, then all. The difference is the
 * time for the additional rows.
 */
export async function timeFinish(
  planned: PlannedJob,
  partials: readonly PartialManifest[],
  place: SamplePlace,
): Promise<FinishTime> {
  const [first] = partials;
  if (first === undefined) return { baseMs: 0, rowMs: 0 };
  const oneMs = await timeOnce(planned, [first], place);
  const more = rowsOf(partials) - rowsOf([first]);
  if (more === 0) return { baseMs: oneMs, rowMs: 0 };
  const allMs = await timeOnce(planned, partials, place);
  const rowMs = Math.max(0, (allMs - oneMs) / more);
  return { baseMs: Math.max(0, oneMs - rowMs * rowsOf([first])), rowMs };
}

async function timeOnce(
  planned: PlannedJob,
  partials: readonly PartialManifest[],
  place: SamplePlace,
): Promise<number> {
  const { spec, map, reductions, tables, digests } = planned;
  const { signal } = new AbortController();
  const startMs = performance.now();
  const reduced = await reducePartials({
    ...place,
    reduce: spec.reduce,
    reductions,
    tables,
    fields: publishedFields(map),
    partials,
    signal,
  });
  await stageOutput({
    ...place,
    facts: () => ({
      job: { id: asJobId("sample"), name: spec.name },
      digests,
      run: { ...NO_RUN, rowsTotal: rowsOf(partials), shardsCommitted: partials.length },
      builds: [],
      versions: {},
    }),
    partials,
    reduced,
    poisoned: [],
    keep: map.keep,
    signal,
  });
  const ms = performance.now() - startMs;
  await place.storage.remove(place.paths.stage, signal);
  return ms;
}

function rowsOf(partials: readonly PartialManifest[]): number {
  return partials.reduce((rows, { rowsIn }) => rows + rowsIn, 0);
}
