import type { Options } from "yargs";
import type { Coordinator } from "../coordinator/coordinator.ts";
import { deferred } from "../shared/core/abort.ts";
import type { StandingWork } from "../shared/extension/standing.ts";
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

export interface StandingArguments extends CoordinatorArguments, ProcessArguments {}

/** Value of --workers for no worker on this machine. */
const NO_WORKERS = "none";

/** Options of commands that run a coordinator with workers until a signal. */
export const standingOptions = {
  ...coordinatorOptions,
  ...processOptions,
  workers: {
    ...processOptions.workers,
    describe: "Worker processes on this machine (auto: one per device; none: only those that join)",
  },
} as const satisfies Record<string, Options>;

/** Runs a coordinator with workers while a command works. Only a signal ends such work. */
export async function runStanding(args: StandingArguments, work: StandingWork): Promise<void> {
  const { keepHeapSmall } = await import("./keep-heap-small.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const { createLogger, LogTail } = await import("../shared/core/log.ts");
  await checkCoordinatorOptions(args);
  const logLevel = args["log-level"] ?? "info";
  const tail = new LogTail();
  const log = createLogger(work.name, logLevel, args.http === undefined ? undefined : tail);
  using stops = listenForStopSignals();
  whenAborted(() => process.exit(130), stops.atOnce);
  keepHeapSmall();
  const isGuarded = !args["allow-local-addresses"];
  const credential = await ensureCredential(secretPath(args["secret-file"]));
  const remembers = await remembered({ ...args, job: undefined }, { log, signal: stops.requested });
  await using _store = remembers?.store;
  const hasOwnWorkers = args.workers !== NO_WORKERS;
  const listening = deferred<Coordinator>();
  listening.promise.catch(() => {});
  const coordinator = await openCoordinator(args, {
    served: () => work.facts(),
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
  const own = { device: "auto", credential, listening: listening.promise, signal: stops.requested } as const;
  const workers = hasOwnWorkers ? startWorkers(args, own) : null;
  try {
    process.stderr.write(`coordinator on ${coordinator.address}\n`);
    await workers;
    const submit: Coordinator["submit"] = (spec, options) => coordinator.submit(spec, options);
    await work.serve({ submit, isGuarded, log, signal: stops.requested });
    // Only a signal ends the work.
    process.exitCode = 130;
  } finally {
    await (await workers?.catch(() => null))?.stop();
    await coordinator.close();
  }
}
