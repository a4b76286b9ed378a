import type { CommandModule } from "yargs";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { JobHandle } from "../coordinator/job/job-handle.ts";
import {
  type CoordinatorCredential,
  ensureCredential,
  newSecret,
  readCredential,
  secretPath,
} from "../shared/access/credential.ts";
import { deferred, NEVER, sleep } from "../shared/core/abort.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import { isEnded } from "../shared/domain/job.ts";
import { lastStageOf } from "../shared/domain/job-stages.ts";
import { openTracer } from "../shared/extension/open-tracer.ts";
import {
  jsonOption,
  logFormatOption,
  logLevelOption,
  secretFileOption,
  setOption,
} from "../shared/terminal/command-parts.ts";
import {
  type ListeningArguments,
  listeningOf,
  listeningOptions,
  othersOf,
} from "../shared/terminal/listening-options.ts";
import { type ProcessArguments, processOptions } from "../shared/terminal/process-options.ts";
import { listenForStopSignals, type StopSignals, whenAborted } from "../shared/terminal/stop-signals.ts";
import type { Supervisor } from "../worker/process/supervisor.ts";
import { beginJob } from "./begin-job.ts";
import { checkConversion } from "./check-conversion.ts";
import { type EndArguments, finishJob, printNothingNew, printStopped } from "./finish-job.ts";
import { startWorkers } from "./local-workers.ts";
import { deadLettersExitCodeOption, freshOption, logLevelOf } from "./options.ts";
import { atOptions } from "./read-run-job.ts";
import {
  httpOption,
  portOptions,
  printServing,
  type ServingArguments,
  servingTo,
} from "./serving-options.ts";
import { showProgress } from "./show-progress.ts";
import { readJob, type TrialArguments, trialOptions } from "./trial-options.ts";

interface RunArguments
  extends ProcessArguments,
    TrialArguments,
    ListeningArguments,
    ServingArguments,
    EndArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at: string | undefined;
  readonly fresh: boolean;
  readonly listen: string;
  readonly "secret-file": string | undefined;
  readonly "log-level": LogLevel | undefined;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: "run <job>",
  describe: "Run a job with a coordinator and workers on this machine, or resume it",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .options(atOptions)
      .options(trialOptions)
      .option("fresh", freshOption)
      .options(processOptions)
      .option("listen", {
        type: "string",
        requiresArg: true,
        default: "127.0.0.1:0",
        describe: "HOST:PORT for status and for more workers (port 0: any that is free)",
      })
      .options(listeningOptions)
      .options(portOptions)
      .option("http", httpOption)
      .option("secret-file", secretFileOption)
      .option("json", jsonOption)
      .option("dead-letters-exit-code", deadLettersExitCodeOption)
      .option("log-level", { ...logLevelOption, defaultDescription: "warn, or error with a live view" })
      .option("log-format", logFormatOption)
      .example("$0 run job.yaml", "Publishes to output.path, and resumes an unfinished run")
      .example("$0 run job.yaml --fresh --set map.batch.rows=256", "Starts over with another batch size")
      .example("$0 run job.yaml --limit 1000 --fresh", "A trial over the first rows, beside the real output")
      .example("$0 run job.yaml --json > result.json", "For scripts: one JSON object, and the exit code"),
  handler: async (args) => {
    process.exitCode = await run(args);
  },
};

/**
 * Times of a coordinator on one machine. Heartbeats cost nothing here, and a person may watch: progress every
 * second. A short grace is enough when all devices give wrong numbers, because no other worker will join.
 */
const LOCAL_TIMES = { heartbeatMs: 1_000, refusedGraceMs: { device: 2_000, unfit: 2_000 } };

/** Longest head start of the workers before the coordinator. Detecting a GPU takes longer than that. */
const HEAD_START_MS = 100;

async function run(args: RunArguments): Promise<number> {
  const { startPlanningAhead } = await import("../coordinator/plan/start-ahead.ts");
  startPlanningAhead();
  const { keepHeapSmall } = await import("./keep-heap-small.ts");
  const source = await readJob(args);
  using stops = listenForStopSignals();
  keepHeapSmall();
  const credential = await ownCredential(args["secret-file"]);
  const over = new AbortController();
  const listening = deferred<Coordinator>();
  const workers = startWorkers(args, {
    device: lastStageOf(source.spec).model?.device ?? null,
    credential,
    listening: listening.promise,
    signal: AbortSignal.any([stops.requested, over.signal]),
  });
  // Loading a coordinator keeps this thread busy. The workers' processes start first and load meanwhile.
  await Promise.race([workers.catch(() => {}), sleep(HEAD_START_MS, NEVER)]);
  listening.resolve(startOwnCoordinator(args, credential));
  try {
    const coordinator = await listening.promise;
    const handle = await beginJob(coordinator, source, {
      fresh: args.fresh,
      ownWorkersOnly: true,
      beforeWork: async () => {
        await workers;
      },
      stops,
    });
    if (handle.origin.kind === "nothingNew") return printNothingNew(handle.notes, handle.status(), args);
    if (handle.origin.kind !== "published") {
      if (!(await untilEnded(handle, coordinator, await workers, stops))) return printStopped();
    }
    return await finishJob(await handle.ended, source.spec, args);
  } finally {
    over.abort();
    await (await workers.catch(() => null))?.stop();
    await (await listening.promise.catch(() => null))?.close();
  }
}

async function startOwnCoordinator(
  args: RunArguments,
  { secret }: CoordinatorCredential,
): Promise<Coordinator> {
  const { startCoordinator } = await import("../coordinator/coordinator.ts");
  const { systemClock } = await import("../shared/core/clock.ts");
  const { createLogger, LogTail } = await import("../shared/core/log.ts");
  const logLevel = logLevelOf(args["log-level"], "warn");
  const tail = new LogTail();
  const log = createLogger("coordinator", logLevel, args.http === undefined ? undefined : tail);
  const coordinator = await startCoordinator({
    listen: args.listen,
    guard: { secret, ...(await othersOf(args)), takesJobs: false },
    listening: { ...listeningOf(args), forOwnWorkers: true },
    clock: systemClock,
    log,
    tracer: await openTracer("shardmill-coordinator", log),
    schedule: LOCAL_TIMES,
    checkConversion,
    ...servingTo(args, logLevel, tail),
  });
  printServing(coordinator);
  return coordinator;
}

/** Shows the job's progress. Returns true once it has ended, and false when a signal stopped it before. */
async function untilEnded(
  handle: JobHandle,
  coordinator: Coordinator,
  supervisor: Supervisor,
  stops: StopSignals,
): Promise<boolean> {
  const progress = showProgress(() => handle.status());
  whenAborted(() => {
    progress.note("stopping: shards at work are finished or released. Send the signal again to stop at once");
    void supervisor.drain();
  }, stops.requested);
  whenAborted(() => void supervisor.stop(), stops.atOnce);
  try {
    const ended = handle.ended.then(() => "ended" as const);
    const first = await Promise.race([ended, supervisor.done.then(() => "workersDone" as const)]);
    // The workers have ended: a signal stopped them, or the job is just ending.
    if (first === "workersDone" && stops.requested.aborted) return isEnded(handle.status().phase);
    await ended;
    return true;
  } finally {
    progress.stop();
    coordinator.dismiss("the job has ended");
    await supervisor.drain();
  }
}

/**
 * Returns the user's secret for a coordinator with workers of this process. Without a writable home, as in
 * some containers, makes a temporary one. The job runs then, but other commands cannot ask for its status.
 *
 * @throws {SECRET_INVALID} when other users can read the secret file, or a named one cannot be made
 */
async function ownCredential(requested: string | undefined): Promise<CoordinatorCredential> {
  const path = secretPath(requested);
  const { secret } = readCredential(path);
  if (secret !== null) return { path, secret };
  const isNamed = requested !== undefined || (process.env.SHARDMILL_SECRET_FILE ?? "") !== "";
  return ensureCredential(path).catch((error: unknown) =>
    isNamed ? Promise.reject(error) : { path, secret: newSecret() },
  );
}
