import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl, packageRoot } from "../../shared/core/package-root.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { TableData } from "../../shared/terminal/table.ts";
import type { S3Server } from "../../test/support/s3-server.ts";
import { median, note, round } from "../report/report.ts";
import { WORKLOADS_FOLDER } from "../workloads/workload.ts";
import type { StoreTask, TaskResult } from "./store-task.ts";

const CLIENTS_FOLDER = join(packageRoot, "bench", "stores", "clients");

/** Clients of the tasks. `commandOf` has their commands. */
const CLIENTS = ["Shardmill", "AWS SDK for JavaScript", "obstore (Rust, Python)"] as const;
type ClientName = (typeof CLIENTS)[number];

interface TransferOptions {
  readonly rounds: number;
  /** MiB to read, and to put, in each run. */
  readonly mib: number;
  readonly names: number;
}

interface Measured {
  readonly task: string;
  readonly client: ClientName;
  readonly results: readonly TaskResult[];
}

const MIB = 1 << 20;
const BUCKET = "bench";

/** Installs the other clients, in the folder of the workloads. */
export function installClients(): string {
  const folder = join(WORKLOADS_FOLDER, "store-clients");
  execFileSync("sh", [join(CLIENTS_FOLDER, "setup.sh"), folder], { stdio: ["ignore", 2, 2] });
  return folder;
}

/** Runs each task with each client in turn, for several rounds. The server's own CPU time is not counted. */
export async function measureTransfers(
  server: S3Server,
  installed: string,
  { rounds, mib, names }: TransferOptions,
): Promise<readonly Measured[]> {
  await server.makeBucket(BUCKET);
  await using storage = server.storage();
  const objectBytes = 256 * MIB;
  const object = Buffer.alloc(objectBytes, "some content that is not all the same ");
  await storage.put(parseLocation(`s3://${BUCKET}/object`), sourceOfBytes(object), { signal: NEVER });
  for (let at = 0; at < names; at += 1)
    await server.keep(BUCKET, `many/name-${String(at).padStart(8, "0")}.parquet`, "x");
  const object8 = { bucket: BUCKET, key: "object", objectBytes };
  const tasks: Readonly<Record<string, StoreTask>> = {
    "read, 8 MiB, 8 at once": {
      ...{ kind: "get", ...object8, pieceBytes: 8 * MIB, pieces: mib / 8, atOnce: 8 },
    },
    "read, 1 MiB, 8 at once": { kind: "get", ...object8, pieceBytes: MIB, pieces: mib, atOnce: 8 },
    "put, 8 MiB, 8 at once": {
      ...{ kind: "put", ...object8, key: "put/object", pieceBytes: 8 * MIB, pieces: mib / 8, atOnce: 8 },
    },
    [`list, ${names} names`]: { kind: "list", ...object8, key: "many", pieceBytes: 0, pieces: 1, atOnce: 1 },
  };
  const found: (Measured & { readonly results: TaskResult[] })[] = [];
  for (const task of Object.keys(tasks))
    for (const client of CLIENTS) found.push({ task, client, results: [] });
  for (let at = 0; at < rounds; at += 1) {
    for (const each of found) {
      const task = tasks[each.task];
      if (task === undefined) continue;
      each.results.push(await runTask(each.client, task, { installed, env: server.env }));
      const { seconds, cpuSeconds } = each.results.at(-1) ?? { seconds: 0, cpuSeconds: 0 };
      note(
        `round ${at + 1}, ${each.task}, ${each.client}: ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of CPU`,
      );
    }
  }
  return found;
}

export function transfersTable(found: readonly Measured[]): TableData {
  return {
    columns: ["task", "client", "MB/s or names/s", "each round", "CPU s a GB, or a million names"],
    rows: found.map(({ task, client, results }) => {
      const unit = task.startsWith("list") ? 1 : 1e6;
      const speeds = results.map(({ done, seconds }) => round(done / unit / seconds));
      const costs = results.map(({ done, cpuSeconds }) => (cpuSeconds * (unit === 1 ? 1e6 : 1e9)) / done);
      return [task, client, round(median(speeds)), speeds.join(", "), round(median(costs))];
    }),
  };
}

interface RunOptions {
  readonly installed: string;
  readonly env: Readonly<Record<string, string>>;
}

async function runTask(
  client: ClientName,
  task: StoreTask,
  { installed, env }: RunOptions,
): Promise<TaskResult> {
  const [command = "", ...args] = commandOf(client, installed);
  const child = spawn(command, [...args, JSON.stringify(task)], {
    cwd: installed,
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH, ...env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [code, killedBy] = await once(child, "close");
  if (code !== 0) throw new Error(`${client} ended with ${code ?? killedBy} on ${JSON.stringify(task)}`);
  const result = JSON.parse(said) as TaskResult;
  const due = task.kind === "list" ? null : task.pieces * task.pieceBytes;
  if (due !== null && result.done !== due) throw new Error(`${client} did ${result.done} of ${due} bytes`);
  return result;
}

function commandOf(client: ClientName, installed: string): readonly string[] {
  switch (client) {
    case "Shardmill":
      return [process.execPath, fileURLToPath(compiledUrl("bench/stores/own-client.ts"))];
    case "AWS SDK for JavaScript":
      return [process.execPath, join(CLIENTS_FOLDER, "aws_sdk.mjs")];
    case "obstore (Rust, Python)":
      return [join(installed, "venv", "bin", "python"), join(CLIENTS_FOLDER, "obstore_client.py")];
  }
}
