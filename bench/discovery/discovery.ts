import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CommandModule } from "yargs";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { KnownJob } from "../../test/support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../../test/support/plan-options.ts";
import { startCli } from "../../test/support/processes.ts";
import { TreeSampler } from "../peers/tree-sampler.ts";
import { median, note, report, round } from "../report/report.ts";
import { openSlowWay } from "../stores/slow-way.ts";

interface DiscoveryArguments {
  readonly objects: number;
  readonly footers: number;
  readonly folders: number;
  readonly rounds: number;
  readonly latency: number;
}

export const discoveryBench: CommandModule<object, DiscoveryArguments> = {
  command: "discovery",
  describe:
    "A plan over a bucket of a million objects, reading the ends of a hundred thousand, or of one folder",
  builder: (yargs) =>
    yargs.options({
      objects: { type: "number", default: 1_000_000, describe: "Objects to list" },
      footers: { type: "number", default: 100_000, describe: "Objects of which the ends are read" },
      folders: { type: "number", default: 100, describe: "Folders `day=N` of the objects" },
      rounds: { type: "number", default: 1, describe: "Rounds. Each plans every variant once" },
      latency: { type: "number", default: 0, describe: "Milliseconds added to each answer" },
    }),
  handler: runDiscovery,
};

interface Planned {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const LIMIT_MS = 1_800_000;
const LOOK_MS = 500;

async function runDiscovery(options: DiscoveryArguments): Promise<void> {
  const { objects, footers, folders, rounds, latency } = options;
  const each = Math.ceil(objects / folders);
  const firstEach = Math.max(1, Math.round(footers / folders));
  await using job = await KnownJob.make({ rows: 100, files: 1 });
  const [name = ""] = await readdir(job.at("data"));
  await using server = await startObjectServer(join(job.at("data"), name), { folders, each, firstEach });
  await using way = await openSlowWay(`http://127.0.0.1:${server.port}`, latency);
  const firsts = { path: "s3://bench/data/*/first-*.parquet" };
  const cases = [
    { what: `of ${objects} one folder`, input: { path: "s3://bench/data", where: "day = 0" } },
    {
      what: `${objects} listed, ${folders} looked into`,
      input: { path: "s3://bench/data/*/first-0000000.parquet" },
    },
    { what: `${objects} listed, ${firstEach * folders} looked into`, input: firsts },
  ];
  const rows: (string | number)[][] = [];
  for (const { what, input } of cases) {
    const found: Planned[] = [];
    for (let at = 0; at < rounds; at += 1) {
      found.push(await planOnce(job, input, latency > 0 ? way.endpoint : `http://127.0.0.1:${server.port}`));
      note(`${what}, round ${at + 1}: ${found.at(-1)?.seconds.toFixed(1)} s`);
    }
    rows.push([
      what,
      round(median(found.map(({ seconds }) => seconds))),
      round(median(found.map(({ cpuSeconds }) => cpuSeconds))),
      Math.round(median(found.map(({ peakBytes }) => peakBytes / 2 ** 20))),
    ]);
  }
  report({
    bench: "discovery",
    about: "`shardmill plan` over small Parquet files in a bucket",
    options: { ...options },
    table: { columns: ["objects", "wall s", "CPU s", "peak MiB"], rows },
    notes: [
      "the whole command: listing, the ends of files, the model, the shards, what is printed",
      "the server runs in its own process on the same cores. Its CPU time and memory are excluded",
    ],
  });
}

async function planOnce(
  job: KnownJob,
  input: Readonly<Record<string, unknown>>,
  endpoint: string,
): Promise<Planned> {
  await job.writeSpec({ input });
  const env = {
    ...job.env,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "a-long-secret",
  };
  await using cli = startCli(["plan", job.path, ...WITHOUT_ESTIMATE], { env, limitMs: LIMIT_MS });
  const sampler = new TreeSampler(cli.pid, { isRootCounted: true });
  let isOver = false;
  const ended = cli.ended.finally(() => {
    isOver = true;
  });
  ended.catch(() => {});
  while (!isOver) {
    await sampler.sample();
    await sleep(LOOK_MS, NEVER);
  }
  const { code, stderr, seconds } = await ended;
  if (code !== 0) throw new Error(`the plan ended with ${code}: ${stderr.slice(-2_000)}`);
  return { seconds, cpuSeconds: sampler.cpuSeconds, peakBytes: sampler.peakBytes };
}

interface ObjectServer extends AsyncDisposable {
  readonly port: number;
}

async function startObjectServer(
  file: string,
  of: { readonly folders: number; readonly each: number; readonly firstEach: number },
): Promise<ObjectServer> {
  const counts = [of.folders, of.each, of.firstEach].map(String);
  const script = fileURLToPath(compiledUrl("bench/discovery/object-server.ts"));
  const child = spawn(process.execPath, [script, file, ...counts], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return {
    port: Number(said.toString().trim()),
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
