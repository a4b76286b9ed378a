import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { CommandModule } from "yargs";
import { runCli } from "../../test/support/processes.ts";
import { CountingJob } from "../fixtures/counting-job.ts";
import { addedPercent, median, note, report, round } from "../report/report.ts";

interface TracingArguments {
  readonly rounds: number;
  readonly shards: number;
  readonly "shard-rows": number;
}

export const tracingBench: CommandModule<object, TracingArguments> = {
  command: "tracing",
  describe: "Cost of traces in a job of very short shards, in time and CPU seconds of all its processes",
  builder: (yargs) =>
    yargs
      .option("rounds", {
        type: "number",
        default: 9,
        describe: "Rounds. Each runs without traces, and with them",
      })
      .option("shards", { type: "number", default: 1_500, describe: "Shards of the job, all of them traced" })
      .option("shard-rows", { type: "number", default: 20, describe: "Rows of each shard" }),
  handler: runTracing,
};

interface TracedRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function runTracing({ rounds, shards, "shard-rows": shardRows }: TracingArguments): Promise<void> {
  await using job = await CountingJob.make({ shards, shardRows });
  await using collector = await Collector.start();
  const off: TracedRun[] = [];
  const on: TracedRun[] = [];
  const one = (env: Readonly<Record<string, string>>) => run(job.path, env);
  for (let at = 1; at <= rounds; at += 1) {
    // The second run has warmer caches, so the two alternate.
    const isOnFirst = at % 2 === 0;
    if (isOnFirst) on.push(await one(collector.env));
    off.push(await one({}));
    if (!isOnFirst) on.push(await one(collector.env));
    note(`round ${at}: ${off.at(-1)?.cpuSeconds} CPU s without traces, ${on.at(-1)?.cpuSeconds} with them`);
  }
  if (collector.requests === 0) throw new Error("nothing was traced");
  const row = (what: string, key: keyof TracedRun) => {
    const added = on.map((run, index) => addedPercent(run[key], off[index]?.[key] ?? run[key]));
    const figures = [off, on].map((runs) => round(median(runs.map((run) => run[key]))));
    return [what, ...figures, round(median(added)), added.join(", ")];
  };
  report({
    bench: "tracing",
    about: `a run of ${shards} shards of ${shardRows} rows with one worker, without traces and with all attempts traced`,
    options: { rounds, shards, shardRows },
    table: {
      columns: ["of the whole command", "off", "on", "added %, paired median", "added %, each round"],
      rows: [row("seconds", "seconds"), row("CPU seconds", "cpuSeconds")],
    },
    notes: [
      `the collector, in the process that measures, took ${collector.requests} requests of ${collector.bytes} bytes, and read none`,
      "CPU seconds are those of the coordinator and its worker together, from start to end",
    ],
  });
}

async function run(jobPath: string, env: Readonly<Record<string, string>>): Promise<TracedRun> {
  const [startedMs, before] = [performance.now(), await cpuOfChildren()];
  const { code, stderr } = await runCli(["run", jobPath, "--fresh", "--workers", "1"], { env });
  if (code !== 0) throw new Error(`the run ended with ${code}: ${stderr.slice(-2_000)}`);
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, cpuSeconds: round((await cpuOfChildren()) - before) };
}

/** Ticks a second in Linux's interface to programs, whatever the kernel's own tick. */
const TICKS = 100;

/** Returns the CPU seconds of all ended descendants of this process. */
async function cpuOfChildren(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "utf8");
  // Counted after the name, which may contain anything: `cutime` and `cstime` are fields 16 and 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS;
}

/** Collector that accepts all traces. */
class Collector implements AsyncDisposable {
  requests = 0;
  bytes = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      request.on("data", (bytes: Buffer) => {
        this.bytes += bytes.length;
      });
      request.on("end", () => response.writeHead(200, { "content-type": "application/x-protobuf" }).end());
    });
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get env(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo;
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
