import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { setOption } from "../shared/terminal/command-parts.ts";
import { oneLine } from "../shared/terminal/text.ts";
import { type EndArguments, printNothingNew } from "./finish-job.ts";
import {
  clientOptions,
  deadLettersExitCodeOption,
  freshOption,
  priorityOf,
  priorityOption,
} from "./options.ts";
import { atOptions } from "./read-run-job.ts";
import { jobSummary } from "./render/summary.ts";
import { readJob, type TrialArguments, trialOptions } from "./trial-options.ts";
import { follow } from "./watch.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

interface SubmitArguments extends ClientArguments, TrialArguments, EndArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at: string | undefined;
  readonly fresh: boolean;
  readonly priority: number | undefined;
  readonly watch: boolean;
}

/** Time until the user is asked to wait. Most jobs are planned by then. */
const TELL_AFTER_MS = 3_000;
const WAITING =
  "waiting for the coordinator to plan the job: it plans a few jobs at once, in the order of submission\n";

export const submitCommand: CommandModule<object, SubmitArguments> = {
  command: "submit <job>",
  describe: "Submit a job file to a running coordinator",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .options(clientOptions)
      .option("set", setOption)
      .options(atOptions)
      .options(trialOptions)
      .option("fresh", freshOption)
      .option("priority", priorityOption)
      .option("watch", {
        type: "boolean",
        default: false,
        describe: "Stay and follow the job until it has ended",
      })
      .option("dead-letters-exit-code", deadLettersExitCodeOption)
      .example("$0 submit job.yaml", "Prints the job's id, its paths are those of the coordinator's machine")
      .example("$0 submit job.yaml --priority 10", "Before jobs of a lower priority")
      .example("$0 submit job.yaml --watch", "Stays until the job has ended, with its exit code"),
  handler: async (args) => {
    const source = await readJob(args);
    await withCoordinator(args, async ({ jobs }) => {
      const patience = setTimeout(() => process.stderr.write(WAITING), TELL_AFTER_MS);
      const { job, nothingNew, notes } = await jobs
        .submitJob(source.spec, { fresh: args.fresh, ...priorityOf(args) }, NEVER)
        .catch((error: unknown) => Promise.reject(source.withLines(error)))
        .finally(() => clearTimeout(patience));
      if (nothingNew) {
        process.exitCode = printNothingNew(notes, job, args);
        return;
      }
      for (const note of notes) process.stderr.write(`${oneLine(note)}\n`);
      if (args.watch) {
        process.exitCode = await follow(jobs, job.jobId, args);
        return;
      }
      process.stdout.write(args.json ? `${JSON.stringify(jobSummary(job))}\n` : `${job.jobId}\n`);
    });
  },
};
