import type { ErrorData } from "../../shared/core/errors.ts";
import { formatCount, formatRate, formatSeconds } from "../../shared/core/units.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { OUTPUT_FOLDERS, WORK_FOLDER } from "../../shared/domain/manifest.ts";
import { NOTED_COUNTS, ROW_COUNTS, type SHOWN_COUNTS } from "../../shared/domain/row-counts.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import { deviceEntries } from "../../shared/terminal/device-text.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { tasksText } from "../../shared/terminal/task-text.ts";
import { counted, labelled, oneLine } from "../../shared/terminal/text.ts";
import { verdictEntries } from "../../shared/terminal/verdict-text.ts";
import { conversionEntry } from "./conversion-line.ts";
import { storeEntries } from "./stores-text.ts";

/** Keys of a status without a place in a summary: they are renamed, or only apply to an active job. */
const OMITTED = [
  "jobId",
  "name",
  "phase",
  "rowsCommitted",
  "shardsTotal",
  "failure",
  "rowsFormat",
  "ended",
  "priority",
  "paused",
  "rowsTotal",
  "rowsDone",
  "shardsCommitted",
  "shardsLeased",
  "attemptsFailed",
  "workers",
  "secondsLeft",
  "fetching",
  "waiting",
  "endProgress",
] as const satisfies readonly (keyof JobStatus)[];
type StoredFacts = Omit<JobStatus, (typeof OMITTED)[number]>;

/** JSON object that `--json` prints at the end. Scripts may rely on its keys: facts of the run and these. */
export interface JobSummary extends Omit<StoredFacts, "manifest"> {
  readonly job: string;
  readonly state: JobStatus["phase"];
  /** Rows of the input whose shards are committed. */
  readonly rows: number;
  readonly shards: number;
  /** Output folder. */
  readonly output: string;
  /** Null until the output is published. */
  readonly manifest: string | null;
  /** Reason why the job failed or was cancelled. Absent: neither. */
  readonly error?: Pick<ErrorData, "code" | "message" | "hint">;
}

export function jobSummary(status: JobStatus): JobSummary {
  const { jobId, phase, rowsCommitted, shardsTotal, failure } = status;
  const omitted: ReadonlySet<string> = new Set(OMITTED);
  const facts = Object.entries(status).filter(([name]) => !omitted.has(name));
  return {
    job: jobId,
    state: phase,
    rows: rowsCommitted,
    shards: shardsTotal,
    ...(Object.fromEntries(facts) as unknown as StoredFacts),
    seconds: Number(status.seconds.toFixed(3)),
    rowsPerSecond: Math.round(status.rowsPerSecond),
    manifest: status.manifest === "" ? null : status.manifest,
    ...(failure === null ? {} : { error: shortError(failure) }),
  };
}

function shortError({ code, message, hint }: ErrorData): NonNullable<JobSummary["error"]> {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** Renders the end of a job for people. `renderError` renders the reason of a failure. */
export function endText(status: JobStatus, style: Style = plainStyle): string {
  const { attempts, attemptsFailed, deadLetters } = status;
  const shards = `${formatCount(status.shardsCommitted)} of ${formatCount(status.shardsTotal)}`;
  const failed = attemptsFailed > 0 ? ` (${formatCount(attemptsFailed)} failed)` : "";
  const entries: Entry[] = [
    ["job", oneLine(status.jobId)],
    ["output", status.manifest === "" ? null : oneLine(status.output)],
    ["manifest", status.manifest === "" ? null : oneLine(status.manifest)],
    ["shards", `${shards}, in ${counted(attempts, "attempt")}${failed}`],
    ...status.tasks.map((run): Entry => ["tasks", tasksText(run)]),
    ...conversionEntry(status.conversion),
    ...deviceEntries(status.devices),
    ["pruned", status.rowsPruned === 0 ? null : counted(status.rowsPruned, "row")],
    ["skipped", status.rowsSkipped === 0 ? null : `${counted(status.rowsSkipped, "row")}: this is a trial`],
    countEntry("rowsFiltered", status, style),
    ["rows out", hasOtherRows(status) ? formatCount(status.rowsOut) : null],
    ...NOTED_COUNTS.map((name) => countEntry(name, status, style)),
    ["dead letters", deadLetters === 0 ? null : style.warn(deadLettersText(status))],
    ...storeEntries(status.stores),
    // Tuning advice does not help with a job that failed.
    ...(status.phase === "published" ? verdictEntries(status) : []),
    ["read it", readCall(status)],
  ];
  return [endLine(status, style), ...labelled(entries, style.dim)].join("\n");
}

type Entry = readonly [label: string, value: string | null];

function countEntry(name: (typeof SHOWN_COUNTS)[number], status: JobStatus, style: Style): Entry {
  const { word, summary, isWarning } = ROW_COUNTS[name].shown;
  const text = summary(counted(status[name], "row"));
  return [word, status[name] === 0 ? null : isWarning ? style.warn(text) : text];
}

/** Describes the count and the place of dead letters: the output, or the work files of an unpublished job. */
function deadLettersText({ deadLetters, manifest, output }: JobStatus): string {
  const place = manifest === "" ? `${WORK_FOLDER}/**/errors.parquet` : OUTPUT_FOLDERS.errors;
  return `${formatCount(deadLetters)}, in ${oneLine(output)}/${place}`;
}

/** Returns the Python call that reads the rows. Null: no rows are published. */
function readCall({ manifest, output, rowsFormat }: JobStatus): string | null {
  if (manifest === "") return null;
  const place = JSON.stringify(oneLine(output));
  if (rowsFormat === "parquet") return `pd.read_parquet(${place})`;
  if (rowsFormat === "arrow") return `pyarrow.dataset.dataset(${place}, format="ipc")`;
  if (rowsFormat === "none") return null;
  const files = `${oneLine(output)}/${OUTPUT_FOLDERS.rows}/**/*.${rowsFormat}*`;
  return `duckdb.sql(${JSON.stringify(`FROM ${quoteLiteral(files)}`)})`;
}

/** Describes the mapped rows: `11 of 14 rows` with three dead letters, or `14 rows` if all were mapped. */
function mappedText({ rowsTotal, deadLetters }: JobStatus): string {
  const rows = counted(rowsTotal, "row");
  return deadLetters === 0 ? rows : `${formatCount(rowsTotal - deadLetters)} of ${rows}`;
}

/** Checks whether rows were dropped or multiplied, so that the output has other rows than the input. */
function hasOtherRows({ rowsCommitted, rowsFiltered, rowsOut }: JobStatus): boolean {
  return rowsFiltered > 0 || rowsOut > rowsCommitted;
}

function endLine(status: JobStatus, style: Style): string {
  const name = style.bold(oneLine(status.name));
  const seconds = formatSeconds(status.seconds);
  // An earlier run did the work, so this coordinator has no time to show.
  if (status.phase === "published" && status.seconds === 0)
    return `${name} ${style.good("is published already")}: ${mappedText(status)}`;
  if (status.phase === "published")
    return `${name} ${style.good("published")}: ${mappedText(status)} in ${seconds}, ${formatRate(status.rowsPerSecond)} rows/s`;
  const rows = `${formatCount(status.rowsCommitted)} of ${counted(status.rowsTotal, "row")} done after ${seconds}`;
  return `${name} ${style.bad(status.phase)}: ${rows}, nothing published`;
}
