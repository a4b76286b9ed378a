import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { CommandModule } from "yargs";
import { NEVER } from "../../shared/core/abort.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { query } from "../../test/support/known-answer.ts";
import { SHARDMILL_MAIN } from "../../test/support/processes.ts";
import { type S3Server, startS3Server } from "../../test/support/s3-server.ts";
import { preparePeers } from "../peers/environment.ts";
import { runMeasured, type Usage } from "../peers/measured-run.ts";
import { median, note, report, round } from "../report/report.ts";
import { fetchServers } from "../stores/foreign-servers.ts";
import { type CountedWay, openCountedWay } from "./counted-way.ts";

interface SmallFilesArguments {
  readonly files: readonly number[];
  readonly bytes: number;
  readonly rounds: number;
}

export const smallFilesBench: CommandModule<object, SmallFilesArguments> = {
  command: "small-files",
  describe: "Files of a bucket as rows: requests and bytes, beside Ray Data and Daft",
  builder: (yargs) =>
    yargs.options({
      files: { type: "number", array: true, default: [1_000, 100_000], describe: "Files of each dataset" },
      bytes: { type: "number", default: 2_048, describe: "Bytes of a file" },
      rounds: { type: "number", default: 1, describe: "Rounds. Each runs every tool once" },
    }),
  handler: runSmallFiles,
};

const BUCKET = "bench";
const FOLDER_FILES = 1_000;
const PUTS_AT_ONCE = 16;
const LIMIT_MS = 3_600_000;
const SCRIPTS = join(packageRoot, "bench", "small-files");

interface Setting {
  readonly server: S3Server;
  readonly way: CountedWay;
  /** File with a line for each request. */
  readonly log: string;
  /** Empty folder for outputs. */
  readonly folder: string;
  readonly python: string;
}

interface Measured extends Usage {
  /** Requests by operation: `GetObject`. */
  readonly requests: ReadonlyMap<string, number>;
  readonly bytes: number;
}

const TOOLS: Readonly<Record<string, (setting: Setting, prefix: string) => Promise<ToolRun>>> = {
  Shardmill: ourRun,
  "Ray Data": async (setting, prefix) => peerRun(setting, prefix, "ray_files.py"),
  Daft: async (setting, prefix) => peerRun(setting, prefix, "daft_files.py"),
};

interface ToolRun {
  readonly command: readonly string[];
  /** DuckDB's expression for the Parquet files of the output. */
  readonly output: string;
}

async function runSmallFiles(options: SmallFilesArguments): Promise<void> {
  process.env.SHARDMILL_FOREIGN = fetchServers();
  const { pythons } = await preparePeers(["ray", "daft"]);
  const folder = await mkdtemp(join(tmpdir(), "small-files-"));
  try {
    const log = join(folder, "requests.log");
    await using server = await startS3Server({ accessLog: log });
    await server.makeBucket(BUCKET);
    await using way = await openCountedWay(server.env.AWS_ENDPOINT_URL ?? "");
    const setting = { server, way, log, folder, python: pythons.peers ?? "" };
    const rows: (string | number)[][] = [];
    for (const files of options.files) {
      const expected = await putFiles(server, files, options.bytes);
      const found = new Map<string, Measured[]>();
      for (let at = 0; at < options.rounds; at += 1)
        for (const name of Object.keys(TOOLS)) {
          const measured = await measure(setting, name, { files, expected });
          found.set(name, [...(found.get(name) ?? []), measured]);
          note(`${name}, ${files} files: ${round(measured.wallSeconds)} s, ${measured.bytes} bytes`);
        }
      for (const [name, all] of found) rows.push(rowOf(name, files, all));
    }
    const columns = ["files", "tool", "requests", "a file", "of which", "MB", "wall s", "CPU s", "peak MiB"];
    report({
      bench: "small-files",
      about: "files of a bucket as rows: the path and the SHA-256 of each, in Parquet",
      options: { ...options },
      table: { columns, rows },
      notes: [
        "versitygw counts the requests. The bytes are those of its answers, with their headers",
        "the server runs on the same cores. Its CPU time and memory are excluded",
        "the digests of all tools equal those of the files",
      ],
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Puts the files in folders of a thousand, and returns the digest of all paths and contents. */
async function putFiles(server: S3Server, files: number, bytes: number): Promise<string> {
  const content = randomBytes(bytes / 2).toString("hex");
  await using storage = server.storage();
  let next = 0;
  // Requests give each file an etag, which a file in the server's own folder lacks.
  const putSome = async () => {
    while (next < files) {
      const at = next++;
      const source = sourceOfBytes(Buffer.from(`${at} ${content}`));
      await storage.put(parseLocation(`s3://${BUCKET}/${keyOf(files, at)}`), source, { signal: NEVER });
    }
  };
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, putSome));
  const [[digest] = []] = await query(
    `SELECT ${DIGEST_OF_ALL} FROM (SELECT printf('%04d/%06d.bin', i // ${FOLDER_FILES}, i) AS name,
       sha256(i || ' ${content}') AS digest FROM range(${files}) AS numbers(i))`,
  );
  return String(digest);
}

const DIGEST_OF_ALL = "count(*) || ' ' || sha256(string_agg(name || digest, '' ORDER BY name))";

function keyOf(files: number, at: number): string {
  const folder = String(Math.floor(at / FOLDER_FILES)).padStart(4, "0");
  return `${prefixOf(files)}/${folder}/${String(at).padStart(6, "0")}.bin`;
}

const prefixOf = (files: number) => `files-${files}`;

async function measure(
  setting: Setting,
  tool: string,
  of: { readonly files: number; readonly expected: string },
): Promise<Measured> {
  const output = join(setting.folder, "out");
  await rm(output, { recursive: true, force: true });
  const run = await TOOLS[tool]?.(setting, prefixOf(of.files));
  if (run === undefined) throw new Error(`unknown tool ${tool}`);
  await writeFile(setting.log, "");
  setting.way.takeBytes();
  const env = { ...setting.server.env, AWS_ENDPOINT_URL: setting.way.endpoint };
  const usage = await runMeasured({ command: run.command, env, limitMs: LIMIT_MS });
  const bytes = setting.way.takeBytes();
  const requests = requestsOf(await readFile(setting.log, "utf8"));
  const [[digest] = []] = await query(
    `SELECT ${DIGEST_OF_ALL} FROM (SELECT right(path, 15) AS name, digest FROM '${run.output}')`,
  );
  if (digest !== of.expected) throw new Error(`${tool} found ${digest}, not ${of.expected}`);
  return { ...usage, requests, bytes };
}

/** Counts the requests of an access log by operation. Each line has one word of the form `s3_Operation`. */
function requestsOf(log: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [, operation = ""] of log.matchAll(/ s3_(\w+) /g))
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  return counts;
}

/** Writes our job, whose only step computes the digest of a file's content. */
async function ourRun({ folder }: Setting, prefix: string): Promise<ToolRun> {
  const path = join(folder, "job.yaml");
  const output = join(folder, "out");
  const job = {
    name: "small-files",
    input: { path: `s3://${BUCKET}/${prefix}`, format: "files" },
    map: { prepare: [{ sql: "SELECT path, sha256(content) AS digest FROM rows" }] },
    output: { path: output },
  };
  await writeFile(path, stringify(job));
  return { command: [process.execPath, SHARDMILL_MAIN, "run", path], output: `${output}/rows/*.parquet` };
}

function peerRun({ folder, python }: Setting, prefix: string, script: string): ToolRun {
  const output = join(folder, "out");
  const command = [
    python,
    join(SCRIPTS, script),
    `${BUCKET}/${prefix}`,
    output,
    String(availableParallelism()),
  ];
  return { command, output: `${output}/*.parquet` };
}

function rowOf(tool: string, files: number, all: readonly Measured[]): (string | number)[] {
  const middle = (take: (measured: Measured) => number) => median(all.map(take));
  const requests = middle((measured) =>
    [...measured.requests.values()].reduce((sum, count) => sum + count, 0),
  );
  const parts = [...(all[0]?.requests ?? [])].map(([operation, count]) => `${operation} ${count}`);
  return [
    files,
    tool,
    requests,
    round(requests / files),
    parts.join(", "),
    round(middle(({ bytes }) => bytes) / 1e6),
    round(middle(({ wallSeconds }) => wallSeconds)),
    round(middle(({ cpuSeconds }) => cpuSeconds)),
    Math.round(middle(({ peakBytes }) => peakBytes / 2 ** 20)),
  ];
}
