import { type Context, keyOf, refuse } from "../../../shared/domain/job-rules.ts";
import type { RunsKey } from "../../../shared/extension/runs.ts";
import { WINDOW_INPUT } from "./queue-spec.ts";
import { TRIGGER_SPEC } from "./trigger-spec.ts";
import { readRunOf } from "./triggered-source.ts";

/**
 * Folder beside the runs of a job with a trigger: what became of its firings. Readers of outputs skip names
 * that begin with `_`.
 */
export const LEDGER_FOLDER = "_trigger";

/** `trigger` of a job file. */
export const TRIGGER_KEY: RunsKey = {
  key: "trigger",
  says: "What makes `shardmill serve` run the job, each time into a folder of its own, `output.path/run=.../`: see [schedules](schedules.md).",
  spec: TRIGGER_SPEC,
  check: checkNewFilesAreWhole,
  news: "files",
  input: { key: "queue", path: WINDOW_INPUT },
  command: "serve",
  folder: LEDGER_FOLDER,
  readRun: readRunOf,
};

/** A run over new files reads each once, so it reads all of it. */
function checkNewFilesAreWhole(job: unknown, context: Context): void {
  const input = keyOf(job, "input");
  // A trial says that it is none of the runs.
  if (keyOf(keyOf(job, "trigger"), "files") !== "new" || keyOf(input, "new") === false) return;
  for (const key of ["sample", "limit"]) {
    if (keyOf(input, key) === undefined) continue;
    refuse(context, ["input", key], "rows that it skips would never be read: a new file is read once", {
      expected: "none beside `trigger.files`",
      hint: "try such a job by --limit or --sample on the command line",
    });
  }
}
