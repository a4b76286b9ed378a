import { type Context, keyOf, refuse } from "./job-rules.ts";

/** Rules of jobs over what is new. */

/** A run over what is new reads a file once, so it reads all of it. */
export function checkNewIsWhole(input: unknown, context: Context): void {
  if (keyOf(input, "new") === true)
    refuseTrial(input, [], context, { why: "with input.new, a file is read once", beside: "input.new" });
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
  const said = { why: "a new file is read once", beside: "`trigger.files`" };
  refuseTrial(keyOf(job, "input"), ["input"], context, said);
}

/** Refuses keys that leave out rows. */
function refuseTrial(
  input: unknown,
  path: readonly string[],
  context: Context,
  { why, beside }: { readonly why: string; readonly beside: string },
): void {
  for (const key of ["sample", "limit"].filter((each) => keyOf(input, each) !== undefined))
    refuse(context, [...path, key], `rows that it skips would never be read: ${why}`, {
      expected: `none beside ${beside}`,
      hint: "try such a job by --limit or --sample on the command line",
    });
}
