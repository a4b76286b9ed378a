import { formatCount, formatSeconds } from "../../shared/core/units.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { deviceEntries } from "./device-text.ts";
import { precisionLine } from "./precision-text.ts";
import { plainStyle, type Style } from "./style.ts";
import { counted, labelled, oneLine } from "./text.ts";
import { verdictEntries } from "./verdict-text.ts";

/** What `--json` prints at the end: one object, whose keys scripts may rely on. */
export interface JobSummary {
  readonly job: string;
  readonly state: JobStatus["phase"];
  /** Rows whose shards are committed. */
  readonly rows: number;
  /** Rows of them that the job's steps dropped. */
  readonly filtered: number;
  /** Rows that came out: more than were mapped where a step makes several rows of one. */
  readonly rowsOut: number;
  readonly deadLetters: number;
  readonly shards: number;
  readonly attempts: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  /**
   * What limited the run: a stage, `start`, `shards`, `coordinator` or `reduce`. Null where nothing is known.
   */
  readonly bottleneck: JobStatus["bottleneck"];
  /** Mean busy share of each stage, 0 to 1. */
  readonly stages: JobStatus["stages"];
  /** Share of padded steps in what the model ran; null where rows are not of uneven lengths. */
  readonly padding: number | null;
  /** The size of the batches, and what bounded it, as a worker last told it; null where none ran. */
  readonly batch: JobStatus["batch"];
  /** What would make it faster, in one sentence. */
  readonly advice: string | null;
  /**
   * Where the model was converted: to what, and what its check found (null without one). Null for a model as
   * it came.
   */
  readonly precision: JobStatus["precision"];
  /** How the devices of its workers compare with the CPU; none for workers on the CPU. */
  readonly devices: JobStatus["devices"];
  /** The output folder. */
  readonly output: string;
  /** Null until the output is published. */
  readonly manifest: string | null;
}

export function jobSummary(status: JobStatus): JobSummary {
  return {
    job: status.jobId,
    state: status.phase,
    rows: status.rowsCommitted,
    filtered: status.rowsFiltered,
    rowsOut: status.rowsOut,
    deadLetters: status.deadLetters,
    shards: status.shardsTotal,
    attempts: status.attempts,
    seconds: Number(status.seconds.toFixed(3)),
    rowsPerSecond: Math.round(status.rowsPerSecond),
    bottleneck: status.bottleneck,
    stages: status.stages,
    padding: status.padding,
    batch: status.batch,
    advice: status.advice,
    precision: status.precision,
    devices: status.devices,
    output: status.output,
    manifest: status.manifest === "" ? null : status.manifest,
  };
}

/** What a person reads when a job has ended. Why it failed is for `renderError` to tell. */
export function endText(status: JobStatus, style: Style = plainStyle): string {
  const { attempts, attemptsFailed, deadLetters, rowsFiltered } = status;
  const shards = `${formatCount(status.shardsCommitted)} of ${formatCount(status.shardsTotal)}`;
  const failed = attemptsFailed > 0 ? ` (${formatCount(attemptsFailed)} failed)` : "";
  const entries: [label: string, value: string | null][] = [
    ["job", oneLine(status.jobId)],
    ["output", status.manifest === "" ? null : oneLine(status.output)],
    ["manifest", status.manifest === "" ? null : oneLine(status.manifest)],
    ["shards", `${shards}, in ${counted(attempts, "attempt")}${failed}`],
    ["precision", precisionLine(status.precision)],
    ...deviceEntries(status.devices),
    ["filtered", rowsFiltered === 0 ? null : counted(rowsFiltered, "row")],
    ["rows out", hasOtherRows(status) ? formatCount(status.rowsOut) : null],
    ["dead letters", deadLetters === 0 ? null : style.warn(formatCount(deadLetters))],
    ...verdictEntries(status),
  ];
  return [endLine(status, style), ...labelled(entries, style.dim)].join("\n");
}

/** Some rows were dropped, or became several: the output has other rows than the input. */
function hasOtherRows({ rowsCommitted, rowsFiltered, rowsOut }: JobStatus): boolean {
  return rowsFiltered > 0 || rowsOut > rowsCommitted;
}

function endLine(status: JobStatus, style: Style): string {
  const name = style.bold(oneLine(status.name));
  const seconds = formatSeconds(status.seconds);
  // An earlier run did it: it took this coordinator no time at all.
  if (status.phase === "published" && status.seconds === 0) {
    return `${name} ${style.good("is published already")}: ${counted(status.rowsCommitted, "row")}`;
  }
  if (status.phase === "published") {
    const rows = `${counted(status.rowsCommitted, "row")} in ${seconds}, ${formatCount(status.rowsPerSecond)} rows/s`;
    return `${name} ${style.good("published")}: ${rows}`;
  }
  const rows = `${formatCount(status.rowsCommitted)} of ${counted(status.rowsTotal, "row")} done after ${seconds}`;
  return `${name} ${style.bad(status.phase)}: ${rows}, nothing published`;
}
