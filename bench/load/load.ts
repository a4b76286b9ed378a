import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { startCli } from "../../test/support/processes.ts";
import { CountingJob } from "../fixtures/counting-job.ts";
import { note } from "../report/report.ts";
import { guardedAccess, OPEN_ACCESS } from "./load-access.ts";
import { LoadFleet } from "./load-fleet.ts";
import { type LoadSample, reportLoad } from "./load-report.ts";
import { sampleProcess } from "./process-sample.ts";
import { summarizeProfile } from "./profile-summary.ts";
import { THREADS_FILE, type ThreadLine, WATCH_FILE, type WatchLine } from "./watch-preload.ts";

interface LoadArguments {
  readonly workers: number;
  readonly shards: number;
  readonly "shard-ms": number;
  readonly pace: number;
  readonly processes: number;
  readonly probes: number;
  readonly folder: string;
  readonly "limit-s": number;
  readonly profile: string;
  readonly tls: boolean;
  readonly alone: boolean;
}

export const loadBench: CommandModule<object, LoadArguments> = {
  command: "load",
  describe: "Thousands of simulated workers: lease p99 (100 ms), CPU a commit (0.6 ms), memory (1 GiB)",
  builder: (yargs) =>
    yargs
      .option("workers", {
        type: "number",
        default: 2_000,
        describe: "Simulated workers, each with its own connection",
      })
      .option("shards", { type: "number", default: 200_000, describe: "Shards of the job" })
      .option("shard-ms", {
        type: "number",
        default: 0,
        describe: "Milliseconds of a worker for a shard (0: first at full speed, then at a pace)",
      })
      .option("pace", {
        type: "number",
        default: 0.7,
        describe: "The pace at which leases are timed, as a share of the full speed",
      })
      .option("processes", { type: "number", default: 1, describe: "Processes that hold the workers" })
      .option("probes", {
        type: "number",
        default: 20,
        describe: "Additional workers that time their leases",
      })
      .option("folder", {
        type: "string",
        default: "/dev/shm",
        describe: "Folder of the journal and the partials",
      })
      .option("limit-s", { type: "number", default: 600, describe: "Stop after this many seconds" })
      .option("profile", {
        type: "string",
        default: "",
        describe: "A folder for the coordinator's CPU profile",
      })
      .option("tls", { type: "boolean", default: false, describe: "Connections use TLS and tokens" })
      .option("alone", {
        type: "boolean",
        default: false,
        describe: "Each call has a stream of its own, as in earlier versions of the worker",
      }),
  handler: runLoad,
};

/** Share of the shards that run flat out. The rest is paced, for at most `PACED_S`. */
const FLAT_OUT_SHARE = 0.6;
const PACED_S = 60;
/** Share of commits after which all workers have joined: later growth comes from commits. */
const LIVE_FROM_SHARE = 0.1;
/** Seconds after which the queue of the flat-out phase has drained. */
const SETTLE_S = 5;

async function runLoad(args: LoadArguments): Promise<void> {
  await using job = await CountingJob.make({ shards: args.shards, folder: args.folder });
  const watchFolder = await mkdtemp(join(tmpdir(), "shardmill-watch-"));
  try {
    const access = args.tls ? await guardedAccess(watchFolder) : OPEN_ACCESS;
    const listen = ["--listen", "127.0.0.1:0", "--log-level", "error", ...access.options];
    await using cli = startCli(["coordinator", job.path, ...listen], {
      limitMs: (args["limit-s"] + 120) * 1000,
      env: environment(args, watchFolder),
    });
    const [, coordinator = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
    const fleet = new LoadFleet({
      ...args,
      target: { coordinator, alone: args.alone, ...access.worker() },
      shardMs: args["shard-ms"],
    });
    const client = connectCoordinator(coordinator, access.reader(), { controlMs: 30_000 });
    const seen = await watch(client, cli.pid, args, fleet).finally(() => {
      client.close();
      fleet.end();
    });
    // The process writes its profile only when it exits by itself.
    cli.kill("SIGINT");
    await Promise.race([cli.ended, sleep(20_000, NEVER)]);
    reportLoad({
      ...seen,
      about: `${args.workers} workers, ${args.shards} shards, against a real coordinator over gRPC${args.tls ? " by TLS, with tokens" : ""}`,
      options: optionsOf(args),
      leaseMs: fleet.leaseMs,
      troubles: fleet.troubles,
      watch: await readLines<WatchLine>(join(watchFolder, WATCH_FILE)),
      threads: await readLines<ThreadLine>(join(watchFolder, THREADS_FILE)),
      profile: args.profile === "" ? [] : await summarizeProfile(args.profile),
    });
  } finally {
    await rm(watchFolder, { recursive: true, force: true });
  }
}

function environment({ profile }: LoadArguments, watchFolder: string): Record<string, string> {
  const preloads =
    profile === ""
      ? ["bench/load/watch-preload.ts"]
      : ["bench/load/watch-preload.ts", "bench/load/profile-preload.ts"];
  const options = preloads.map((preload) => `--import ${compiledUrl(preload)}`);
  return {
    NODE_OPTIONS: options.join(" "),
    BENCH_WATCH_FOLDER: watchFolder,
    ...(profile === "" ? {} : { BENCH_PROFILE_FOLDER: profile }),
  };
}

/** Makes the coordinator report its live heap, which stops it for a moment. */
function measureLive(pid: number, committed: number, { live }: Seen): void {
  live.push(committed);
  process.kill(pid, "SIGUSR2");
}

interface Seen {
  /** Committed shards at each measurement of the live heap. */
  readonly live: number[];
  readonly flatOut: LoadSample[];
  readonly paced: LoadSample[];
  /** Latencies of leases at full speed. */
  fullLeaseMs: readonly number[];
}

async function watch(
  client: CoordinatorClient,
  pid: number,
  args: LoadArguments,
  fleet: LoadFleet,
): Promise<Seen> {
  const seen: Seen = { live: [], flatOut: [], paced: [], fullLeaseMs: [] };
  const startedMs = performance.now();
  let isPaced = args["shard-ms"] > 0;
  let pacedAtMs = startedMs;
  for (let status: JobStatus | null = null; status === null || status.phase === "running"; ) {
    await sleep(1_000, NEVER);
    status = await client.jobs.getJob(asJobId(""), NEVER);
    const { shardsCommitted: committed, workers } = status;
    const sample = { ...(await sampleProcess(pid)), atWallSeconds: Date.now() / 1000, committed };
    const pacedS = (performance.now() - pacedAtMs) / 1000;
    if (!isPaced) seen.flatOut.push(sample);
    else if (pacedS > SETTLE_S) seen.paced.push(sample);
    else fleet.leaseMs = [];
    if (Math.round(sample.atSeconds) % 10 === 0)
      note(`${committed} of ${args.shards} committed, ${workers} workers`);
    if (fleet.died) throw new Error("a process of simulated workers exited");
    if (performance.now() - startedMs > args["limit-s"] * 1000) break;
    if (isPaced && args["shard-ms"] === 0 && pacedS > SETTLE_S + PACED_S) break;
    if (seen.live.length === 0 && committed > LIVE_FROM_SHARE * args.shards)
      measureLive(pid, committed, seen);
    if (!isPaced && committed > FLAT_OUT_SHARE * args.shards) {
      measureLive(pid, committed, seen);
      fleet.pace(pacedShardMs(seen.flatOut, args));
      isPaced = true;
      seen.fullLeaseMs = fleet.leaseMs;
      pacedAtMs = performance.now();
    }
  }
  return seen;
}

/** Returns the duration of a shard at which all workers together commit at the pace. */
function pacedShardMs(flatOut: readonly LoadSample[], { workers, pace }: LoadArguments): number {
  const [first, last] = [flatOut.find(({ committed }) => committed > 0), flatOut.at(-1)];
  if (first === undefined || last === undefined || first === last) return 1_000;
  const rate = (last.committed - first.committed) / (last.atSeconds - first.atSeconds);
  return (1000 * workers) / (pace * rate);
}

async function readLines<Line>(path: string): Promise<Line[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function optionsOf(args: LoadArguments) {
  const { workers, shards, "shard-ms": shardMs, pace, processes, probes, folder, tls, alone } = args;
  return { workers, shards, shardMs, pace, processes, probes, folder, tls, alone };
}
