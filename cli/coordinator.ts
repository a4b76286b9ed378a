import type { CommandModule } from "yargs";
import type { Coordinator } from "../coordinator/coordinator.ts";
import { NEVER } from "../shared/core/abort.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { jsonOption, setOption } from "../shared/terminal/command-parts.ts";
import {
  listenForStopSignals,
  type StopSignals,
  untilAborted,
  whenAborted,
} from "../shared/terminal/stop-signals.ts";
import { beginJob } from "./begin-job.ts";
import {
  type CoordinatorArguments,
  checkCoordinatorOptions,
  coordinatorOptions,
  openCoordinator,
} from "./coordinator-options.ts";
import { type EndArguments, finishJob, printNothingNew, printStopped } from "./finish-job.ts";
import { deadLettersExitCodeOption, freshOption, logLevelOf } from "./options.ts";
import { atOptions, readRunJob } from "./read-run-job.ts";
import { remembered } from "./remembered.ts";
import { portExamples } from "./serving-options.ts";
import { showProgress } from "./show-progress.ts";

interface JobCoordinatorArguments extends CoordinatorArguments, EndArguments {
  readonly job: string | undefined;
  readonly set: readonly string[];
  readonly at: string | undefined;
  readonly fresh: boolean;
}

/** Time for dismissed workers to leave before the coordinator ends. */
const GOODBYE_MS = 5_000;

export const coordinatorCommand: CommandModule<object, JobCoordinatorArguments> = {
  command: "coordinator [job]",
  describe: "Serve workers, and with a job file run that job and exit with its result",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", describe: "The job file (default: wait for submitted jobs)" })
      .options(coordinatorOptions)
      .option("set", setOption)
      .options(atOptions)
      .option("fresh", freshOption)
      .option("json", jsonOption)
      .option("dead-letters-exit-code", deadLettersExitCodeOption)
      .example(
        "$0 coordinator job.yaml --listen 0.0.0.0:7433 --tls-cert node1.crt --tls-key node1.key",
        "Runs the job on the workers that join",
      )
      .example(
        "$0 worker --coordinator node1:7433 --tls-ca ca.crt",
        "On each node: joins, and ends with the job",
      )
      .example("$0 coordinator", "Waits for jobs: shardmill submit job.yaml")
      .example(portExamples),
  handler: async (args) => {
    process.exitCode = await serve(args);
  },
};

async function serve(args: JobCoordinatorArguments): Promise<number> {
  const { keepHeapSmall } = await import("./keep-heap-small.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const { createLogger, LogTail } = await import("../shared/core/log.ts");
  await checkCoordinatorOptions(args);
  const source = args.job === undefined ? null : await readRunJob({ ...args, job: args.job });
  // No live view is shown without a job, so log lines disturb nothing.
  const logLevel = source === null ? (args["log-level"] ?? "info") : logLevelOf(args["log-level"], "info");
  const tail = new LogTail();
  const log = createLogger("coordinator", logLevel, args.http === undefined ? undefined : tail);
  using stops = listenForStopSignals();
  whenAborted(() => process.exit(130), stops.atOnce);
  keepHeapSmall();
  const { secret } = await ensureCredential(secretPath(args["secret-file"]));
  const remembers = await remembered(args, { log, signal: stops.requested });
  await using _store = remembers?.store;
  const takesJobs = source === null;
  const isGuarded = takesJobs && !args["allow-local-addresses"];
  const own = { secret, takesJobs, isGuarded, hasOwnWorkers: false, logLevel, tail, log };
  const coordinator = await openCoordinator(args, { ...own, ...(remembers === null ? {} : { remembers }) });
  try {
    if (source === null) {
      process.stderr.write(`coordinator on ${coordinator.address}, waiting for jobs\n`);
      await untilAborted(stops.requested);
      return 130;
    }
    return await runOwnJob(coordinator, source, { args, stops });
  } finally {
    await coordinator.close();
  }
}

/** Runs the job and returns the exit code of the command. */
async function runOwnJob(
  coordinator: Coordinator,
  source: JobSource,
  { args, stops }: { readonly args: JobCoordinatorArguments; readonly stops: StopSignals },
): Promise<number> {
  const handle = await beginJob(coordinator, source, { fresh: args.fresh, stops });
  if (handle.origin.kind === "nothingNew") {
    await sayGoodbye(coordinator);
    return printNothingNew(handle.notes, handle.status(), args);
  }
  const progress = handle.origin.kind === "published" ? null : showProgress(() => handle.status());
  const status = await Promise.race([handle.ended, untilAborted(stops.requested)]).finally(() =>
    progress?.stop(),
  );
  if (status === undefined) return printStopped();
  await sayGoodbye(coordinator);
  return await finishJob(status, source.spec, args);
}

/** Dismisses the workers, and waits briefly until they have left. */
async function sayGoodbye(coordinator: Coordinator): Promise<void> {
  const { sleep } = await import("../shared/core/abort.ts");
  coordinator.dismiss("the job has ended");
  for (let waitedMs = 0; coordinator.workerCount() > 0 && waitedMs < GOODBYE_MS; waitedMs += 100) {
    await sleep(100, NEVER);
  }
}
