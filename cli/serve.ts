import type { CommandModule } from "yargs";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { ServedJobs } from "../coordinator/trigger/served-jobs.ts";
import { deferred } from "../shared/core/abort.ts";
import type { Logger } from "../shared/core/log.ts";
import { type ProcessArguments, processOptions } from "../shared/terminal/process-options.ts";
import { listenForStopSignals, whenAborted } from "../shared/terminal/stop-signals.ts";
import {
  type CoordinatorArguments,
  checkCoordinatorOptions,
  coordinatorOptions,
  openCoordinator,
} from "./coordinator-options.ts";
import { startWorkers } from "./local-workers.ts";
import { remembered } from "./remembered.ts";

interface ServeArguments extends CoordinatorArguments, ProcessArguments {
  readonly jobs: readonly string[];
  readonly check: boolean;
}

/** As --workers says it. */
const NO_WORKERS = "none";

export const serveCommand: CommandModule<object, ServeArguments> = {
  command: "serve <jobs..>",
  describe: "Stay, and run jobs whenever their triggers say so; started again, it takes up where it was",
  builder: (yargs) =>
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
        describe: "Check the job files, print when each is due next, and end",
      })
      .options(coordinatorOptions)
      .options(processOptions)
      .option("workers", {
        ...processOptions.workers,
        describe: "Worker processes on this machine (auto: one per device; none: only those that join)",
      })
      .example("$0 serve nightly.yaml", "Runs it when it is due, on this machine")
      .example("$0 serve jobs/ --check", "What it would do, and what is wrong with the files")
      .example(
        "$0 serve jobs/ --workers none --listen 0.0.0.0:7433 --tls-cert node1.crt --tls-key node1.key",
        "On the workers that join",
      ),
  handler: async (args) => {
    const { checkServed, servedFiles } = await import("./served-files.ts");
    const paths = await servedFiles(args.jobs);
    if (args.check) await checkServed(paths);
    else process.exitCode = await serve(paths, args);
  },
};

async function serve(paths: readonly string[], args: ServeArguments): Promise<number> {
  const { keepHeapSmall } = await import("./keep-heap-small.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const { createLogger, LogTail } = await import("../shared/core/log.ts");
  await checkCoordinatorOptions(args);
  const logLevel = args["log-level"] ?? "info";
  const tail = new LogTail();
  const log = createLogger("serve", logLevel, args.http === undefined ? undefined : tail);
  using stops = listenForStopSignals();
  whenAborted(() => process.exit(130), stops.atOnce);
  keepHeapSmall();
  const isGuarded = !args["allow-local-addresses"];
  const credential = await ensureCredential(secretPath(args["secret-file"]));
  const remembers = await remembered({ ...args, job: undefined }, { log, signal: stops.asked });
  await using _kept = remembers?.kept;
  const hasOwnWorkers = args.workers !== NO_WORKERS;
  const listening = deferred<Coordinator>();
  listening.promise.catch(() => {});
  let jobs: ServedJobs | null = null;
  const coordinator = await openCoordinator(args, {
    triggers: () => jobs?.facts() ?? [],
    secret: credential.secret,
    takesJobs: true,
    isGuarded,
    hasOwnWorkers,
    logLevel,
    tail,
    log,
    ...(remembers === null ? {} : { remembers }),
  });
  listening.resolve(coordinator);
  const own = { device: "auto", credential, listening: listening.promise, signal: stops.asked } as const;
  const workers = hasOwnWorkers ? startWorkers(args, own) : null;
  try {
    process.stderr.write(`coordinator on ${coordinator.address}\n`);
    await workers;
    await using served = await openJobs(paths, coordinator, { isGuarded, log, signal: stops.asked });
    jobs = served;
    process.stderr.write(`serving ${paths.length} ${paths.length === 1 ? "job" : "jobs"}\n`);
    await served.serve();
    // By a signal: there is no other end.
    return 130;
  } finally {
    await (await workers?.catch(() => null))?.stop();
    await coordinator.close();
  }
}

interface Serving {
  readonly isGuarded: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function openJobs(
  paths: readonly string[],
  coordinator: Coordinator,
  { isGuarded, ...serving }: Serving,
): Promise<ServedJobs> {
  const { ServedJobs: Served } = await import("../coordinator/trigger/served-jobs.ts");
  const { realSeams } = await import("../coordinator/job/job-seams.ts");
  const { systemClock } = await import("../shared/core/clock.ts");
  return await Served.open(paths, {
    ...serving,
    env: process.env,
    submit: (spec, options) => coordinator.submit(spec, options),
    seams: { ...realSeams, isGuarded },
    clock: systemClock,
  });
}
