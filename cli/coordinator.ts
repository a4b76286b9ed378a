import type { CommandModule } from "yargs";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { LogLevel } from "../shared/core/log.ts";
import { beginJob } from "./begin-job.ts";
import { checkPrecision } from "./check-precision.ts";
import { type EndArguments, finishJob, printNothingNew, printStopped } from "./finish-job.ts";
import { flightTo, tellFlight } from "./flight-option.ts";
import {
  allowModulesOption,
  DEFAULT_PORT,
  deadLettersExitCodeOption,
  flightOption,
  freshOption,
  jsonOption,
  logLevelOf,
  logLevelOption,
  secretFileOption,
  setOption,
} from "./options.ts";
import { type ScheduleArguments, scheduleOf, scheduleOptions } from "./schedule-options.ts";
import { type ListeningArguments, listeningOf, listeningOptions, othersOf } from "./security-options.ts";
import { showProgress } from "./show-progress.ts";
import { listenForStopSignals, whenAborted } from "./stop-signals.ts";

interface CoordinatorArguments extends ScheduleArguments, ListeningArguments, EndArguments {
  readonly job: string | undefined;
  readonly listen: string;
  readonly "address-file": string | undefined;
  readonly flight: string | undefined;
  readonly "secret-file": string | undefined;
  readonly "allow-modules": boolean;
  readonly "allow-local-addresses": boolean;
  readonly set: readonly string[];
  readonly fresh: boolean;
  readonly "log-level": LogLevel | undefined;
}

/** How long dismissed workers may take to say goodbye before the coordinator ends. */
const GOODBYE_MS = 5_000;

export const coordinatorCommand: CommandModule<object, CoordinatorArguments> = {
  command: "coordinator [job]",
  describe: "Serve workers; with a job file: run that job and end with its result",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", describe: "The job file (left out: jobs come by submit)" })
      .option("listen", {
        type: "string",
        requiresArg: true,
        default: `127.0.0.1:${DEFAULT_PORT}`,
        describe: "HOST:PORT to serve on (0.0.0.0: every interface, which takes --tls-cert, or --insecure)",
      })
      .option("address-file", {
        type: "string",
        requiresArg: true,
        describe:
          "Write the address that it got to this file, for workers that are started with --coordinator @FILE",
      })
      .options(listeningOptions)
      .option("flight", flightOption)
      .option("secret-file", secretFileOption)
      .option("allow-modules", {
        ...allowModulesOption,
        describe: "Take jobs that bring code along (`module`), and run it with all that this process may do",
      })
      .option("allow-local-addresses", {
        type: "boolean",
        default: false,
        describe:
          "Jobs that come by submit may name addresses of the machines themselves (127.0.0.1, 169.254.169.254)",
      })
      .option("set", setOption)
      .option("fresh", freshOption)
      .option("json", jsonOption)
      .option("dead-letters-exit-code", deadLettersExitCodeOption)
      .option("log-level", { ...logLevelOption, defaultDescription: "info; beside a live view: error" })
      .options(scheduleOptions)
      .example(
        "$0 coordinator job.yaml --listen 0.0.0.0:7433 --tls-cert node1.crt --tls-key node1.key",
        "Runs the job on the workers that join",
      )
      .example(
        "$0 worker --coordinator node1:7433 --tls-ca ca.crt",
        "On each node: joins, and ends with the job",
      )
      .example("$0 coordinator", "Waits for jobs: shardmill submit job.yaml")
      .example(
        "$0 coordinator --flight 127.0.0.1:7434",
        "The same, and serves their results by Arrow Flight",
      ),
  handler: async (args) => {
    process.exitCode = await serve(args);
  },
};

async function serve(args: CoordinatorArguments): Promise<number> {
  const { keepHeapSmall } = await import("./keep-heap-small.ts");
  const { startCoordinator } = await import("../coordinator/coordinator.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const { guardStores } = await import("../coordinator/plan/read-stores.ts");
  const { systemClock } = await import("../shared/core/clock.ts");
  const { createLogger } = await import("../shared/core/log.ts");
  const { readJobSource } = await import("../shared/job-file/read-job-file.ts");
  const schedule = scheduleOf(args);
  const listening = listeningOf(args);
  const source =
    args.job === undefined ? null : await readJobSource(args.job, { set: args.set, env: process.env });
  // Without a job there is no live view that log lines could spoil.
  const logLevel = source === null ? (args["log-level"] ?? "info") : logLevelOf(args["log-level"], "info");
  const log = createLogger("coordinator", logLevel);
  using stops = listenForStopSignals();
  whenAborted(stops.atOnce, () => process.exit(130));
  keepHeapSmall();
  if (source === null && !args["allow-local-addresses"]) guardStores();
  const { secret } = await ensureCredential(secretPath(args["secret-file"]));
  const coordinator = await startCoordinator({
    listen: args.listen,
    guard: {
      secret,
      ...(await othersOf(args)),
      takesJobs: source === null,
      takesCode: args["allow-modules"],
    },
    listening,
    clock: systemClock,
    log,
    schedule,
    checkPrecision,
    ...flightTo(args.flight, logLevel),
  });
  tellFlight(coordinator);
  try {
    if (args["address-file"] !== undefined) await tellAddress(args["address-file"], coordinator.address);
    if (source === null) {
      process.stderr.write(`coordinator on ${coordinator.address}, waiting for jobs\n`);
      await untilAborted(stops.asked);
      return 130;
    }
    const handle = await beginJob(coordinator, source, { fresh: args.fresh, stops });
    if (handle.origin.kind === "nothingNew") {
      await sayGoodbye(coordinator);
      return printNothingNew(handle.notes, handle.status(), args);
    }
    const progress = handle.origin.kind === "published" ? null : showProgress(() => handle.status());
    const status = await Promise.race([handle.ended, untilAborted(stops.asked)]).finally(() =>
      progress?.stop(),
    );
    if (status === undefined) return printStopped();
    await sayGoodbye(coordinator);
    return await finishJob(status, source.spec, args);
  } finally {
    await coordinator.close();
  }
}

async function tellAddress(path: string, address: string): Promise<void> {
  const { writeAddressFile } = await import("../shared/wire/address-file.ts");
  await writeAddressFile(path, address);
}

/** Sends the workers home, and waits a little until they have gone. */
async function sayGoodbye(coordinator: Coordinator): Promise<void> {
  const { sleep } = await import("../shared/core/abort.ts");
  coordinator.dismiss("the job has ended");
  for (let waitedMs = 0; coordinator.workerCount() > 0 && waitedMs < GOODBYE_MS; waitedMs += 100) {
    await sleep(100);
  }
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => whenAborted(signal, () => resolve(undefined)));
}
