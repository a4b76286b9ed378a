import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CommandModule } from "yargs";
import { sleep } from "../shared/core/abort.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { connectCoordinator } from "../shared/wire/client.ts";
import { startCli } from "../test/support/processes.ts";
import { CountingJob } from "./counting-job.ts";
import type { LoadClientsNews, LoadClientsOptions } from "./load-clients.ts";
import { type ProcessSample, sampleProcess, slope } from "./process-sample.ts";
import { note, quantile, report, round } from "./report.ts";

interface LoadArguments {
  readonly workers: number;
  readonly shards: number;
  readonly "shard-ms": number;
  readonly processes: number;
  readonly probes: number;
  readonly folder: string;
  readonly "limit-s": number;
  readonly profile: string;
}

export const loadBench: CommandModule<object, LoadArguments> = {
  command: "load",
  describe: "Thousands of simulated workers: lease p99 (50 ms), commits a second (2,000), memory (1 GiB)",
  builder: (yargs) =>
    yargs
      .option("workers", {
        type: "number",
        default: 2_000,
        describe: "Lease loops, each with its own connection",
      })
      .option("shards", { type: "number", default: 200_000, describe: "Shards of the job" })
      .option("shard-ms", {
        type: "number",
        default: 0,
        describe: "What a worker needs for a shard (0: all it can)",
      })
      .option("processes", { type: "number", default: 2, describe: "Processes that hold the workers" })
      .option("probes", { type: "number", default: 20, describe: "Free workers that time their leases" })
      .option("folder", { type: "string", default: "/dev/shm", describe: "Where journal and partials lie" })
      .option("limit-s", { type: "number", default: 600, describe: "Stop then, whatever is left" })
      .option("profile", {
        type: "string",
        default: "",
        describe: "A folder for the coordinator's CPU profile",
      }),
  handler: runLoad,
};

interface Sample extends ProcessSample {
  readonly committed: number;
}

async function runLoad(args: LoadArguments): Promise<void> {
  await using job = await CountingJob.make({ shards: args.shards, folder: args.folder });
  const preload = compiledUrl("./profile-preload.ts", import.meta.url);
  const profiling = { NODE_OPTIONS: `--import ${preload}`, BENCH_PROFILE_FOLDER: args.profile };
  const limitMs = (args["limit-s"] + 120) * 1000;
  await using cli = startCli(["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "error"], {
    limitMs,
    env: args.profile === "" ? {} : profiling,
  });
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  const fleet = new ClientProcesses(args, address);
  const samples: Sample[] = [];
  try {
    await watch(address, cli.pid, args, samples, fleet);
  } finally {
    fleet.end();
  }
  // A profile is written by a process that ends by itself.
  cli.kill("SIGINT");
  await Promise.race([cli.ended, sleep(20_000)]);
  tell(args, samples, fleet);
}

async function watch(
  address: string,
  pid: number,
  args: LoadArguments,
  samples: Sample[],
  fleet: ClientProcesses,
): Promise<void> {
  const client = connectCoordinator(address, { controlMs: 30_000 });
  const startedMs = performance.now();
  try {
    for (let status: JobStatus | null = null; status === null || status.phase === "running"; ) {
      await sleep(1_000);
      status = await client.jobs.getJob("");
      samples.push({ ...(await sampleProcess(pid)), committed: status.shardsCommitted });
      const { shardsCommitted, workers } = status;
      if (samples.length % 10 === 0)
        note(`${shardsCommitted} of ${args.shards} committed, ${workers} workers`);
      if (fleet.died) throw new Error("a process of simulated workers died");
      if (performance.now() - startedMs > args["limit-s"] * 1000) break;
    }
  } finally {
    client.close();
  }
}

class ClientProcesses {
  readonly leaseMs: number[] = [];
  failures = 0;
  /** One of the processes is gone: what is measured from here on is something else. */
  died = false;
  #ended = false;
  readonly #children: readonly ChildProcess[];

  constructor({ workers, processes, probes, "shard-ms": shardMs }: LoadArguments, coordinator: string) {
    this.#children = Array.from({ length: processes }, (_, index) => {
      const options: LoadClientsOptions = {
        coordinator,
        name: `load-${index}`,
        workers: share(workers, processes, index),
        probes: share(probes, processes, index),
        shardMs,
      };
      const entry = fileURLToPath(compiledUrl("./load-clients.ts", import.meta.url));
      const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
      child.once("exit", () => {
        this.died = !this.#ended;
      });
      let failures = 0;
      child.on("message", (news: LoadClientsNews) => {
        this.leaseMs.push(...news.leaseMs);
        this.failures += news.failures - failures;
        failures = news.failures;
      });
      return child;
    });
  }

  end(): void {
    this.#ended = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

function share(total: number, parts: number, index: number): number {
  return Math.floor((total * (index + 1)) / parts) - Math.floor((total * index) / parts);
}

function tell(args: LoadArguments, samples: readonly Sample[], { leaseMs, failures }: ClientProcesses): void {
  const last = samples.at(-1)?.committed ?? 0;
  // Joining and the last few shards are no steady load.
  const steady = samples.filter(({ committed }) => committed > 0.1 * last && committed < 0.9 * last);
  const [first, end] = [steady[0], steady.at(-1)];
  const seconds = first === undefined || end === undefined ? Number.NaN : end.atSeconds - first.atSeconds;
  const rate = ((end?.committed ?? 0) - (first?.committed ?? 0)) / seconds;
  const cpu = ((end?.cpuSeconds ?? 0) - (first?.cpuSeconds ?? 0)) / seconds;
  const mebibytes = steady.map(({ atSeconds, rssBytes }) => [atSeconds, rssBytes / 2 ** 20] as const);
  report({
    bench: "load",
    about: `${args.workers} workers, ${args.shards} shards, against a real coordinator over gRPC`,
    options: { ...pick(args), committed: last },
    table: {
      columns: ["figure", "measured", "aim"],
      rows: [
        ["commits a second", round(rate), "2000"],
        ["lease p50, ms", round(quantile(leaseMs, 0.5)), ""],
        ["lease p99, ms", round(quantile(leaseMs, 0.99)), "below 50"],
        ["leases timed", leaseMs.length, ""],
        [
          "coordinator RSS, MiB, highest",
          round(Math.max(...samples.map((s) => s.rssBytes)) / 2 ** 20),
          "below 1024",
        ],
        ["RSS slope, MiB a minute", round(slope(mebibytes) * 60), ""],
        ["RSS slope, bytes a commit", Math.round((slope(mebibytes) * 2 ** 20) / rate), ""],
        ["coordinator's CPU, cores", round(cpu), ""],
        ["coordinator's CPU, ms a commit", round((1000 * cpu) / rate), ""],
        ["steady for, s", round(seconds), ""],
        ["workers that gave up", failures, "0"],
      ],
    },
  });
}

function pick({ workers, shards, "shard-ms": shardMs, processes, probes, folder }: LoadArguments) {
  return { workers, shards, shardMs, processes, probes, folder };
}
