import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { packageRoot } from "../../shared/core/package-root.ts";
import { sampleProcess } from "../load/process-sample.ts";

const SCRIPTS = join(packageRoot, "bench", "flight", "python");

/** Servers of an output. */
export const SERVERS = ["Shardmill", "pyarrow"] as const;
export type ServerName = (typeof SERVERS)[number];

/** Server of one output, in a separate process. */
interface Served extends AsyncDisposable {
  readonly pid: number;
  readonly address: string;
}

export interface FlightTools {
  /** Python that has pyarrow. */
  readonly python: string;
  readonly secretFile: string;
  readonly secret: string;
}

export async function serve(name: ServerName, output: string, tools: FlightTools): Promise<Served> {
  const main = join(packageRoot, "dist", "bundle", "cli", "main.js");
  const [command, ...args] =
    name === "pyarrow"
      ? [tools.python, join(SCRIPTS, "pyarrow_server.py"), output]
      : [
          process.execPath,
          main,
          "flight",
          output,
          "--listen",
          "127.0.0.1:0",
          "--secret-file",
          tools.secretFile,
        ];
  const child = spawn(command ?? "", args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const address = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        const found = /(127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    child.once("close", (code) => reject(new Error(`${name} ended with ${code} before it served`)));
  });
  return {
    pid: child.pid ?? 0,
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

export interface FlightReading {
  readonly rows: number;
  /** Bytes of the rows in Arrow's memory. */
  readonly bytes: number;
  readonly seconds: number;
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number;
}

/** Reads all rows of a server once, by pyarrow's client in a separate process, `streams` files at once. */
export async function readAll(server: Served, streams: number, tools: FlightTools): Promise<FlightReading> {
  const before = await sampleProcess(server.pid);
  const args = [join(SCRIPTS, "read_flight.py"), server.address, `${streams}`];
  const env = { ...process.env, SECRET: tools.secret };
  const { stdout } = await promisify(execFile)(tools.python, args, { env });
  const { rows, bytes, seconds, cpuSeconds } = JSON.parse(stdout);
  const after = await sampleProcess(server.pid);
  const serverCpuSeconds = after.cpuSeconds - before.cpuSeconds;
  return { rows, bytes, seconds, clientCpuSeconds: cpuSeconds, serverCpuSeconds };
}
