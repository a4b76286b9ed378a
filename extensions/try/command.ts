import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import { jsonOption, numberFrom, setOption } from "../../shared/terminal/command-parts.ts";
import type { RowTrace } from "./row-trace.ts";
import type { WantedRows } from "./tried-slices.ts";

/** Limit of rows that a user can inspect one by one. */
const MOST_ROWS = 1_000;
const USUAL_ROWS = 5;
/** Limit of rows to search for those that `input.where` accepts. It takes some seconds. */
const LOOKED_AT = 500;

export const tryCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("rows", {
        type: "string",
        requiresArg: true,
        describe: "How many rows",
        defaultDescription: `${USUAL_ROWS}, or the one of --row`,
      })
      .option("row", {
        type: "string",
        requiresArg: true,
        describe: "First row of the input, counted from 0, or FILE:ROW as in dead letters",
      })
      .option("set", setOption)
      .option("json", jsonOption)
      .example("$0 try job.yaml", "The first rows, and the result of each step")
      .example("$0 try job.yaml --row part-3.parquet:17", "Why that row is a dead letter")
      .example("$0 try job.yaml --rows 1 --json | jq .rows[0].runs", "Inputs and outputs of the model")
      .epilogue(
        "Rows run one by one, with the code of a job. The exit code is 3 if a row would be a dead letter.",
      ),
  async run(args, host) {
    const wanted = wantedRows(args);
    const planned = await host.plan(args);
    process.exitCode = await showRows(planned, wanted, args);
  },
});

/** Shows rows of a job, each as soon as it is complete. Returns the exit code. */
async function showRows(
  planned: PlannedJob,
  wanted: WantedRows,
  { json }: { readonly json: boolean },
): Promise<number> {
  const { tryJob } = await import("./try-job.ts");
  const { triedSlices } = await import("./tried-slices.ts");
  const { rowPrinter } = await import("./row-printer.ts");
  const isLooking = wanted.from === null && planned.spec.input.where !== undefined;
  const slices = triedSlices(planned, isLooking ? { from: null, rows: LOOKED_AT } : wanted);
  const traces: RowTrace[] = [];
  let dropped = 0;
  const printer = rowPrinter(process.stdout, process.env);
  await tryJob(planned, {
    slices,
    preview: json ? null : printer.preview,
    onRow: (trace) => {
      if (isLooking && trace.fate.kind === "filtered" && trace.fate.by === "input.where") {
        dropped += 1;
        return true;
      }
      traces.push(trace);
      if (!json) process.stdout.write(printer.print(trace));
      return traces.length < wanted.rows;
    },
  });
  if (json) process.stdout.write(`${JSON.stringify({ job: planned.spec.name, dropped, rows: traces })}\n`);
  else process.stdout.write(endText(traces.length, dropped));
  return Math.max(0, ...traces.map(exitCodeOf));
}

/** Describes the filtered rows, and whether there are no rows. */
function endText(shown: number, dropped: number): string {
  const filteredRows = `${dropped} ${dropped === 1 ? "row" : "rows"}`;
  if (shown > 0)
    return dropped === 0
      ? ""
      : `${filteredRows} that input.where drops are not shown, use --row to show them\n`;
  return dropped === 0
    ? "the job has no rows\n"
    : `input.where drops the first ${filteredRows}, use --row to show them\n`;
}

/** Returns the exit code of a job with dead letters, or of a failed job. */
function exitCodeOf({ fate }: RowTrace): number {
  if (fate.kind === "failed") return ERROR_CODES[fate.error.code].exit;
  return fate.kind === "deadLetter" ? 3 : 0;
}

/** @throws {ARGUMENT_INVALID} with the name of the invalid option */
function wantedRows({
  row,
  rows,
}: {
  readonly row: string | undefined;
  readonly rows: string | undefined;
}): WantedRows {
  const limits = { least: 1, most: MOST_ROWS, whole: true };
  const count = rows === undefined ? null : numberFrom(rows, "rows", limits);
  if (row === undefined) return { from: null, rows: count ?? USUAL_ROWS };
  const [, file, place = row] = /^(.+):([^:]*)$/s.exec(row) ?? [];
  if (!/^\d{1,15}$/.test(place))
    throw new ShardmillError(
      "ARGUMENT_INVALID",
      `--row must be a row, or FILE:ROW, not ${row === "" ? "empty" : row}`,
      { fields: { option: "row", found: row }, hint: "rows are counted from 0" },
    );
  return { from: { file: file ?? null, row: Number(place) }, rows: count ?? 1 };
}
