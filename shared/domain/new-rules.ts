import { type Context, keyOf, refuse } from "./job-rules.ts";

/** Rules of jobs over what is new. */

/** A run over what is new reads a file once, so it reads all of it. */
export function checkNewIsWhole(input: unknown, context: Context): void {
  if (keyOf(input, "new") !== true) return;
  for (const key of ["sample", "limit"]) {
    if (keyOf(input, key) === undefined) continue;
    refuse(context, [key], "rows that it skips would never be read: with input.new, a file is read once", {
      expected: "none beside input.new",
      hint: "try such a job by --limit or --sample on the command line",
    });
  }
}

/** ... and so it is where new files are what fires it; of what is not new nothing was read before. */
export function checkNewFilesAreWhole(job: unknown, context: Context): void {
  const isNew = keyOf(keyOf(job, "input"), "new") ?? keyOf(keyOf(job, "trigger"), "files");
  if (keyOf(keyOf(job, "input"), "changed") !== undefined && isNew === undefined)
    refuse(context, ["input", "changed"], "is about files that a run before has read", {
      expected: "`input.new: true`, or `trigger.files`, beside it",
    });
  // A trial says that it is none of the runs.
  if (keyOf(keyOf(job, "trigger"), "files") !== "new" || keyOf(keyOf(job, "input"), "new") === false) return;
  for (const key of ["sample", "limit"]) {
    if (keyOf(keyOf(job, "input"), key) === undefined) continue;
    refuse(context, ["input", key], "rows that it skips would never be read: a new file is read once", {
      expected: "none beside `trigger.files`",
      hint: "try such a job by --limit or --sample on the command line",
    });
  }
}
