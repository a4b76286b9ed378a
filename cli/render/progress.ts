import { formatCount, formatRate, formatSeconds } from "../../shared/core/units.ts";
import type { EndProgress } from "../../shared/domain/end-progress.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { ROW_COUNTS, SHOWN_COUNTS } from "../../shared/domain/row-counts.ts";
import { runningTasks } from "../../shared/domain/task-run.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { tasksProgressText } from "../../shared/terminal/task-text.ts";
import { counted, oneLine, truncate, widthOf } from "../../shared/terminal/text.ts";
import { bottleneckText } from "../../shared/terminal/verdict-text.ts";
import { fetchingText } from "./fetching-text.ts";

interface ProgressOptions {
  readonly style?: Style;
  /** Width of the terminal. No line is wider, because a line that wraps could not be redrawn. */
  readonly columns?: number;
}

const DEFAULT_COLUMNS = 80;
const MAX_BAR_COLUMNS = 40;
const MIN_BAR_COLUMNS = 10;

/** Piece of a line, and its paint. Painting comes after cutting to width. */
type Piece = readonly [text: string, paint?: (text: string) => string];

/**
 * Renders the live view, one string per line:
 *
 *     digits  running  4.2s
 *     ████████████████░░░░░░░░░░  62 %  6,250 of 10,000 rows
 *     22,400 rows/s, 2.1s left, limited by infer (93 % busy)
 *     shards 5 of 8, 2 at work; 2 workers; 8 attempts, 1 failed
 */
export function renderProgress(status: JobStatus, options: ProgressOptions = {}): string[] {
  const { style = plainStyle, columns = DEFAULT_COLUMNS } = options;
  const lines: Piece[][] = [
    [
      [oneLine(status.name), style.bold],
      [`  ${stateText(status)}`, style.accent],
      [`  ${formatSeconds(status.seconds)}`, style.dim],
    ],
  ];
  if (status.rowsTotal > 0) {
    const figures = `  ${percent(status)}  ${rowsText(status)}`;
    lines.push([[bar(status, columns - widthOf(figures)), style.good], [figures]]);
  }
  if (status.phase === "running") lines.push([[runningParts(status).join(", ")]]);
  lines.push(...endTexts(status).map((text): Piece[] => [[text]]));
  if (status.shardsTotal > 0) lines.push([[partsText(status), style.dim]]);
  for (const { text, isWarning } of countTexts(status))
    lines.push([[text, isWarning ? style.warn : style.dim]]);
  return lines.map((pieces) => paintWithin(pieces, columns));
}

/** Renders the progress in one line, for logs. */
export function renderPlainLine(status: JobStatus): string {
  const parts = [`${oneLine(status.name)} ${stateText(status)}: ${rowsText(status)} (${percent(status)})`];
  if (status.phase === "running") parts.push(...runningParts(status));
  parts.push(...endTexts(status));
  parts.push(`shards ${formatCount(status.shardsCommitted)} of ${formatCount(status.shardsTotal)}`);
  parts.push(counted(status.workers, "worker"));
  if (status.attemptsFailed > 0) parts.push(counted(status.attemptsFailed, "failed attempt"));
  parts.push(...countTexts(status).map(({ text }) => text));
  return parts.join(", ");
}

/** Returns texts of row counts and dead letters above zero: `3 rows truncated`. */
function countTexts(status: JobStatus) {
  const { rowsPruned, rowsSkipped, deadLetters } = status;
  const rows = (count: number, word: string, isWarning: boolean) =>
    count > 0 ? [{ text: `${counted(count, "row")} ${word}`, isWarning }] : [];
  return [
    ...rows(rowsPruned, "pruned", false),
    ...rows(rowsSkipped, "skipped", false),
    ...SHOWN_COUNTS.flatMap((name) => {
      const { word, isWarning } = ROW_COUNTS[name].shown;
      return rows(status[name], word, isWarning);
    }),
    ...(deadLetters > 0 ? [{ text: counted(deadLetters, "dead letter"), isWarning: true }] : []),
  ];
}

/** Describes the phase or the pause, and the priority unless it is 0. */
function stateText(status: JobStatus): string {
  return `${phaseText(status)}${status.priority === 0 ? "" : `  priority ${status.priority}`}`;
}

export function phaseText({ phase, paused }: JobStatus): string {
  return paused ? "paused" : phase;
}

function runningParts(status: JobStatus): string[] {
  if (status.paused)
    return [
      status.shardsLeased > 0 ? "what runs is finished, then it waits" : "nothing runs until it is resumed",
    ];
  const { workers, rowsDone, rowsPerSecond, secondsLeft, fetching, waiting } = status;
  if (workers === 0) return ["waiting for workers"];
  if (rowsDone === 0 && fetching !== null) return [`the workers fetch the model: ${fetchingText(fetching)}`];
  if (waiting !== null) return [waitingText(waiting)];
  if (rowsDone === 0) return ["the workers are starting"];
  const parts = [`${formatRate(rowsPerSecond)} rows/s`];
  if (secondsLeft !== null) parts.push(`${formatSeconds(secondsLeft)} left`);
  const limit = bottleneckText(status);
  if (limit !== null) parts.push(`limited by ${limit}`);
  return parts;
}

const END_STEP_TEXTS = {
  check: ["checking", "files"],
  shape: ["writing", "rows of the output's files"],
} as const satisfies Record<EndProgress["step"], readonly [verb: string, things: string]>;

/** Describes the tasks or the step of a job that reduces. */
function endTexts(status: JobStatus): string[] {
  const running = runningTasks(status);
  if (running !== null) return [tasksProgressText(running)];
  const { endProgress } = status;
  return endProgress === null ? [] : [endProgressText(endProgress)];
}

/** Describes a step of the job's end: `checking 12 of 322 files`. */
function endProgressText({ step, done, total }: EndProgress): string {
  const [verb, things] = END_STEP_TEXTS[step];
  return `${verb} ${formatCount(done)} of ${formatCount(total)} ${things}`;
}

function partsText(status: JobStatus): string {
  const { shardsCommitted, shardsTotal, shardsLeased, workers, attempts, attemptsFailed } = status;
  const failed = attemptsFailed > 0 ? `, ${formatCount(attemptsFailed)} failed` : "";
  const atWork = shardsLeased > 0 ? `, ${formatCount(shardsLeased)} at work` : "";
  return [
    `shards ${formatCount(shardsCommitted)} of ${formatCount(shardsTotal)}${atWork}`,
    counted(workers, "worker"),
    `${counted(attempts, "attempt")}${failed}`,
  ].join("; ");
}

function rowsText({ rowsDone, rowsTotal }: JobStatus): string {
  return `${formatCount(rowsDone)} of ${counted(rowsTotal, "row")}`;
}

function shareDone({ rowsDone, rowsTotal }: JobStatus): number {
  return rowsTotal === 0 ? 0 : Math.min(1, rowsDone / rowsTotal);
}

/** Returns the share of rows done, rounded down: 100 % means all. */
export function percent(status: JobStatus): string {
  return `${Math.floor(100 * shareDone(status))} %`;
}

function bar(status: JobStatus, room: number): string {
  const columns = Math.max(MIN_BAR_COLUMNS, Math.min(MAX_BAR_COLUMNS, room));
  const filled = Math.floor(columns * shareDone(status));
  return "█".repeat(filled) + "░".repeat(columns - filled);
}

function paintWithin(pieces: readonly Piece[], columns: number): string {
  let room = columns;
  return pieces
    .map(([text, paint = (plain: string) => plain]) => {
      const shown = truncate(text, room);
      room -= widthOf(shown);
      return shown === "" ? "" : paint(shown);
    })
    .join("");
}

function waitingText({ store, seconds, reason }: NonNullable<JobStatus["waiting"]>): string {
  const name = store === "" ? "a store" : `store ${oneLine(store)}`;
  return `waiting for ${name} for ${formatSeconds(seconds)}: ${oneLine(reason)}`;
}
