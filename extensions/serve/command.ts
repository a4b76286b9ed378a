import { defineCommand } from "../../shared/extension/command.ts";
import type { StandingCoordinator } from "../../shared/extension/standing.ts";
import type { ServedJobs } from "./served-jobs.ts";

export const serveCommand = defineCommand({
  options: (yargs, { standing }) =>
    yargs
      .positional("jobs", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "Job files with a trigger, or folders of them",
      })
      .option("check", {
        type: "boolean",
        default: false,
        describe: "Check the job files, and print when each is due next",
      })
      .options(standing.options)
      .example("$0 serve nightly.yaml", "Runs it when it is due, on this machine")
      .example("$0 serve jobs/ --check", "Checks the files, runs nothing")
      .example(
        "$0 serve jobs/ --workers none --listen 0.0.0.0:7433 --tls-cert node1.crt --tls-key node1.key",
        "Runs jobs on workers that join",
      ),
  async run(args: { readonly jobs: readonly string[]; readonly check: boolean }, { standing }) {
    const { checkServed, servedFiles } = await import("./served-files.ts");
    const paths = await servedFiles(args.jobs);
    if (args.check) return await checkServed(paths);
    let jobs: ServedJobs | null = null;
    await standing.run(args, {
      name: "serve",
      facts: () => jobs?.facts() ?? [],
      async serve(coordinator) {
        await using served = await openJobs(paths, coordinator);
        jobs = served;
        process.stderr.write(`serving ${paths.length} ${paths.length === 1 ? "job" : "jobs"}\n`);
        await served.serve();
      },
    });
  },
});

async function openJobs(
  paths: readonly string[],
  { submit, isGuarded, log, signal }: StandingCoordinator,
): Promise<ServedJobs> {
  const { ServedJobs: Served } = await import("./served-jobs.ts");
  const { realSeams } = await import("../../coordinator/job/job-seams.ts");
  const { systemClock } = await import("../../shared/core/clock.ts");
  return await Served.open(paths, {
    submit,
    log,
    signal,
    env: process.env,
    seams: { ...realSeams, isGuarded },
    clock: systemClock,
  });
}
