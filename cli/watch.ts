import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { isEnded } from "../shared/domain/job.ts";
import { asJobId, type JobId } from "../shared/domain/job-id.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { JobsService } from "../shared/wire/services.ts";
import { type EndArguments, printEnd } from "./finish-job.ts";
import { clientOptions, deadLettersExitCodeOption } from "./options.ts";
import { showProgress } from "./show-progress.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

interface WatchArguments extends ClientArguments, EndArguments {
  readonly job: string | undefined;
}

export const watchCommand: CommandModule<object, WatchArguments> = {
  command: "watch [job]",
  describe: "Follow a job of a running coordinator until it has ended",
  builder: (yargs) =>
    yargs
      .positional("job", {
        type: "string",
        describe: "The job's id (default: the last one submitted)",
      })
      .options(clientOptions)
      .option("dead-letters-exit-code", deadLettersExitCodeOption)
      .example("$0 watch && echo published", "Ends with the job's exit code"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs }) => {
      process.exitCode = await follow(jobs, asJobId(args.job ?? ""), args);
    }),
};

/**
 * Shows a job's progress until it has ended, then its result. An empty ID means the last job submitted.
 * Returns the exit code.
 */
export async function follow(jobs: JobsService, jobId: JobId, args: EndArguments): Promise<number> {
  let last: JobStatus = await jobs.getJob(jobId, NEVER);
  if (isEnded(last.phase)) return printEnd(last, args);
  const progress = showProgress(() => last);
  try {
    for await (const status of jobs.watchJob(last.jobId, NEVER)) last = status;
  } finally {
    progress.stop();
  }
  return printEnd(last, args);
}
