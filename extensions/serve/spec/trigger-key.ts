import { type Context, keyOf, refuse } from "../../../shared/domain/job-rules.ts";
import { isRowsText } from "../../../shared/domain/output-formats.ts";
import type { RunsKey } from "../../../shared/extension/runs.ts";
import { WINDOW_INPUT } from "./queue-spec.ts";
import { TRIGGER_SPEC } from "./trigger-spec.ts";
import { readRunOf } from "./triggered-source.ts";

/** Folder of the trigger's ledger, beside the runs. Readers of outputs skip names that begin with `_`. */
export const LEDGER_FOLDER = "_trigger";

/** `trigger` of a job file. */
export const TRIGGER_KEY: RunsKey = {
  key: "trigger",
  says: "When `shardmill serve` runs the job. Each run has its own folder, `output.path/run=.../`. See [schedules](schedules.md).",
  spec: TRIGGER_SPEC,
  check: checkWholeJob,
  news: "files",
  input: { key: "queue", path: WINDOW_INPUT },
  command: "serve",
  folder: LEDGER_FOLDER,
  readRun: readRunOf,
};

function checkWholeJob(job: unknown, context: Context): void {
  checkNewFilesAreWhole(job, context);
  const rows = keyOf(keyOf(job, "output"), "rows");
  if (keyOf(keyOf(job, "trigger"), "results") === undefined || !isRowsText(String(rows))) return;
  refuse(
    context,
    ["output", "rows"],
    "has no column types, and `trigger.results` sends rows with their types",
    {
      expected: "`parquet` or `arrow`",
      found: `\`${String(rows)}\``,
    },
  );
}

/** Refuses sampling for runs over new files. Each file is read once, so skipped rows would never be read. */
function checkNewFilesAreWhole(job: unknown, context: Context): void {
  const input = keyOf(job, "input");
  // With `input.new: false` the run is a trial, and no run of the trigger.
  if (keyOf(keyOf(job, "trigger"), "files") !== "new" || keyOf(input, "new") === false) return;
  for (const key of ["sample", "limit"]) {
    if (keyOf(input, key) === undefined) continue;
    refuse(context, ["input", key], "would skip rows for good, because each new file is read once", {
      expected: "no such key with `trigger.files`",
      hint: "for a trial, use --limit or --sample on the command line",
    });
  }
}
