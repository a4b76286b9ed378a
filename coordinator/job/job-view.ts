import type { Clock } from "../../shared/core/clock.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { EndedView, LiveView, ShownSpec } from "../../shared/domain/job-view.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { packHistory } from "../insight/packed-history.ts";
import type { RunWatch } from "../insight/run-watch.ts";
import { shardCells } from "../insight/shard-cells.ts";
import { isPaused, type JobState, unhappyEnd } from "../schedule/state/job-state.ts";

export const NO_VIEW: EndedView = { kind: "ended", spec: null, packed: async () => null };

interface Viewed {
  readonly planned: Pick<PlannedJob, "spec">;
  readonly shell: { readonly state: JobState };
  readonly runWatch: Pick<RunWatch, "history" | "record">;
}

export function viewOf({ planned, shell, runWatch }: Viewed): LiveView {
  const spec = jobToShow(planned.spec);
  return {
    kind: "live",
    spec,
    history: () => runWatch.history(),
    cells: () => shardCells(shell.state),
    atEnd: () => endedView(spec, runWatch.record()),
  };
}

export function endedView(spec: ShownSpec, history: RunHistory | null): EndedView {
  const packed = history === null ? null : packHistory(history);
  return { kind: "ended", spec, packed: async () => packed };
}

/** Returns the job's spec without certificates, which are long and do not help a reader. */
export function jobToShow(spec: JobSpec): ShownSpec {
  const stores = Object.entries(spec.stores).map(([name, { ca: _, ...store }]) => [name, store] as const);
  return { ...spec, stores: Object.fromEntries(stores) };
}

interface Reported {
  readonly jobId: JobId;
  readonly planned: { readonly spec: Pick<JobSpec, "name" | "output"> };
  readonly shell: { readonly state: JobState };
  readonly runWatch: Pick<RunWatch, "facts">;
  readonly clock: Pick<Clock, "nowMs" | "wallMs">;
  readonly manifestPath: string;
}

/** @param endedMs when the job ended, null while it runs */
export function statusOf(
  { jobId, shell, planned, manifestPath, clock, runWatch }: Reported,
  endedMs: number | null,
): JobStatus {
  const { phase, standing } = shell.state;
  const failure = unhappyEnd(shell.state);
  const paused = isPaused(shell.state);
  const facts = runWatch.facts(endedMs === null ? "now" : "run", endedMs ?? clock.nowMs());
  return {
    ...facts,
    secondsLeft: paused ? null : facts.secondsLeft,
    jobId,
    name: planned.spec.name,
    output: planned.spec.output.path,
    manifest: phase.kind === "published" ? manifestPath : "",
    rowsFormat: planned.spec.output.rows,
    ended: endedMs === null ? null : new Date(clock.wallMs() - (clock.nowMs() - endedMs)).toISOString(),
    failure: failure === null ? null : { ...failure, problems: [] },
    priority: standing.priority,
    paused,
  };
}
