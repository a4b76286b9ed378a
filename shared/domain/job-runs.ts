import { EXTENSIONS } from "#extensions";
import { type Context, keyOf, refuse } from "./job-rules.ts";

const [part] = EXTENSIONS.flatMap(({ runs }) => runs ?? []);

/**
 * Key of job files that makes several runs of a job. Null: no extension has one. Load this module only where
 * job files are read: other processes do not need the extension's code.
 */
export const JOB_RUNS = (await part?.load()) ?? null;

/** Schema of this key. The compiler does not know it: the extension reads its value. */
export const RUNS_KEY: object =
  JOB_RUNS === null ? {} : { [JOB_RUNS.key]: JOB_RUNS.spec.exactOptional().describe(JOB_RUNS.says) };

/** Checks the keys of a job that concern its runs together. */
export function checkRuns(job: unknown, context: Context): void {
  checkChangedIsNew(job, context);
  JOB_RUNS?.check(job, context);
}

/** Checks that `input.changed` comes with `input.new`. Without it, no earlier run has read a file. */
function checkChangedIsNew(job: unknown, context: Context): void {
  const input = keyOf(job, "input");
  if (keyOf(input, "changed") === undefined || keyOf(input, "new") !== undefined) return;
  if (JOB_RUNS !== null && keyOf(keyOf(job, JOB_RUNS.key), JOB_RUNS.news) !== undefined) return;
  const other = JOB_RUNS === null ? "" : `, or \`${JOB_RUNS.key}.${JOB_RUNS.news}\`,`;
  refuse(context, ["input", "changed"], "is about files that an earlier run has read", {
    expected: `\`input.new: true\`${other} beside it`,
  });
}

/** Checks that a run over new files reads all rows, because it reads each file once. */
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
