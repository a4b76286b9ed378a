import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { JobFolder } from "../../test/support/job-folder.ts";
import type { TestQueue } from "../../test/support/queues/broker.ts";
import { PEERS_FOLDER } from "../peers/environment.ts";
import { amqpOf, type Window } from "./measure.ts";

/** Folder of the script, which runs from source, never from dist/. */
const FOLDER = join(packageRoot, "bench", "window", "ray");
const VENV = join(packageRoot, ".scratch", "window-venv");
const REQUIREMENTS = "requirements.txt";

/** Command that makes the environment. */
export const RAY_SETUP = "sh bench/window/ray/setup.sh";

/** Environment without telemetry, tuned for throughput. Direct ingress is unused, and disabled. */
const RAY_ENVIRONMENT = {
  RAY_USAGE_STATS_ENABLED: "0",
  RAY_SERVE_THROUGHPUT_OPTIMIZED: "1",
  RAY_SERVE_ENABLE_DIRECT_INGRESS: "0",
};

/** Limit of the shutdown. The script ends when its input does, and a hanging one is killed. */
const END_MS = 60_000;

/** Checks whether the environment exists and is up to date. */
export function hasRay(): boolean {
  const made = join(VENV, REQUIREMENTS);
  return existsSync(made) && readFileSync(made, "utf8") === readFileSync(join(FOLDER, REQUIREMENTS), "utf8");
}

/** Place of the consumer, explained in the script. */
type Variant = "handle" | "replica";

/** Starts Ray Serve on the queue's messages. Disposing ends all of its processes. */
export function rayServe(variant: Variant) {
  return async (queue: TestQueue, window: Window) => await startRay(variant, queue, window);
}

async function startRay(
  variant: Variant,
  queue: TestQueue,
  { rows, seconds }: Window,
): Promise<AsyncDisposable> {
  const job = await JobFolder.make({ files: 0 });
  // A short name: Ray's sockets are in the folder, and a socket's path has at most 107 bytes.
  const temp = await mkdtemp(join(tmpdir(), "window-"));
  const python = join(VENV, "bin", "python");
  const { server, queue: name } = amqpOf(queue.address);
  const script = [join(FOLDER, "serve_batches.py"), variant, server, name, amqpOf(queue.results).queue];
  // Ray leaves daemons behind when it is killed. The reaper finds and ends them.
  const reaper = [join(PEERS_FOLDER, "python", "reaper.py"), join(temp, "result.json"), python];
  const child = spawn(python, [...reaper, ...script, job.at("model.onnx"), String(rows), String(seconds)], {
    stdio: ["pipe", "pipe", "inherit"],
    // Ray writes a token of its cluster into the home.
    env: { PATH: process.env.PATH ?? "", HOME: temp, TMPDIR: temp, RAY_TMPDIR: temp, ...RAY_ENVIRONMENT },
  });
  const ended = once(child, "exit");
  const stop = () => child.kill("SIGTERM");
  process.once("exit", stop);
  const end = async () => {
    child.stdin.end();
    const limit = setTimeout(stop, END_MS);
    await ended;
    clearTimeout(limit);
    process.off("exit", stop);
    await rm(temp, { recursive: true, force: true });
    await job[Symbol.asyncDispose]();
  };
  const isReady = await Promise.race([once(child.stdout, "data").then(() => true), ended.then(() => false)]);
  if (isReady) return { [Symbol.asyncDispose]: end };
  await end();
  throw new Error("Ray Serve did not start; why is above");
}
