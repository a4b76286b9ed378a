import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { asJobId } from "../shared/domain/job-id.ts";
import { clientOptions } from "./options.ts";
import { jobSummary } from "./render/summary.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

interface CancelArguments extends ClientArguments {
  readonly job: string;
  readonly reason: string;
}

export const cancelCommand: CommandModule<object, CancelArguments> = {
  command: "cancel <job>",
  describe: "Cancel a job without publishing its output",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job's id, as status shows it" })
      .option("reason", {
        type: "string",
        default: "cancelled by a user",
        describe: "Reason, shown with the job's status",
      })
      .options(clientOptions)
      .example("$0 cancel digits-3f2a", "Refused once the output is being published"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs }) => {
      const status = await jobs.cancelJob(asJobId(args.job), args.reason, NEVER);
      process.stdout.write(
        args.json ? `${JSON.stringify(jobSummary(status))}\n` : `${status.jobId} is cancelled\n`,
      );
    }),
};
