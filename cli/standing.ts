import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { asJobId } from "../shared/domain/job-id.ts";
import { checkPriority } from "../shared/domain/standing.ts";
import { clientOptions } from "./options.ts";
import { jobSummary } from "./render/summary.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

type JobArguments = ClientArguments & { readonly job: string };

export const pauseCommand: CommandModule<object, JobArguments> = {
  command: "pause <job>",
  describe: "Pause a job: its running shards are finished, and no more start until it is resumed",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job's id, as status shows it" })
      .options(clientOptions)
      .example("$0 pause digits-3f2a", "Its workers go to other jobs, and it stays paused over a restart"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs }) => {
      const status = await jobs.pauseJob(asJobId(args.job), NEVER);
      process.stdout.write(
        args.json ? `${JSON.stringify(jobSummary(status))}\n` : `${status.jobId} is paused\n`,
      );
    }),
};

export const resumeCommand: CommandModule<object, JobArguments> = {
  command: "resume <job>",
  describe: "Resume a paused job",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job's id, as status shows it" })
      .options(clientOptions)
      .example("$0 resume digits-3f2a", "An interrupted job is resumed by `run` or `submit` of its job file"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs }) => {
      const status = await jobs.resumeJob(asJobId(args.job), NEVER);
      process.stdout.write(
        args.json ? `${JSON.stringify(jobSummary(status))}\n` : `${status.jobId} is resumed\n`,
      );
    }),
};

interface PriorityArguments extends JobArguments {
  readonly priority: number;
}

export const priorityCommand: CommandModule<object, PriorityArguments> = {
  command: "priority <job> <priority>",
  describe: "Set a job's priority: higher ones come first, equal ones share the workers",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job's id, as status shows it" })
      .positional("priority", {
        type: "number",
        demandOption: true,
        coerce: checkPriority,
        describe: "A whole number from -1000 to 1000 (0 by default)",
      })
      .options(clientOptions)
      .example(
        "$0 priority digits-3f2a 10",
        "It gets workers of jobs with a lower priority as they finish a shard",
      )
      .example("$0 priority digits-3f2a -10", "It has the workers that no other job needs"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs }) => {
      const status = await jobs.setJobPriority(asJobId(args.job), args.priority, NEVER);
      process.stdout.write(
        args.json
          ? `${JSON.stringify(jobSummary(status))}\n`
          : `${status.jobId} has priority ${status.priority}\n`,
      );
    }),
};
