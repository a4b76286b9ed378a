import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { asJobId } from "../shared/domain/job-id.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { createStyle, type Style } from "../shared/terminal/style.ts";
import { clientOptions } from "./options.ts";
import { jobsTable } from "./render/jobs-table.ts";
import { statusText } from "./render/status-text.ts";
import { gpuFaultLines } from "./render/workers-table.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

export const statusCommand: CommandModule<object, ClientArguments & { readonly job: string | undefined }> = {
  command: "status [job]",
  describe: "Show a job of a running coordinator, or a table of all",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", describe: "The job's id (default: all jobs)" })
      .options(clientOptions)
      .example("$0 status --coordinator node1:7433", "All jobs of that coordinator"),
  handler: (args) =>
    withCoordinator(args, async ({ jobs, workers }) => {
      const found =
        args.job === undefined ? await jobs.listJobs(NEVER) : [await jobs.getJob(asJobId(args.job), NEVER)];
      const style = createStyle(process.stdout);
      if (args.json) return void process.stdout.write(`${JSON.stringify(found)}\n`);
      if (found.length === 0) process.stdout.write("no jobs\n");
      else process.stdout.write(`${textOf(found, style)}\n`);
      for (const line of gpuFaultLines(await workers.listWorkers(NEVER))) process.stdout.write(`${line}\n`);
    }),
};

/** Shows a single job in full, and several jobs as a table. */
function textOf(jobs: readonly JobStatus[], style: Style): string {
  const [first, ...others] = jobs;
  if (first !== undefined && others.length === 0) return statusText(first, style);
  return jobsTable(jobs, style, process.stdout.columns);
}
