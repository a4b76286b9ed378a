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

/** It runs as it is, never from dist/. */
const FOLDER = join(packageRoot, "bench", "window", "ray");
const VENV = join(packageRoot, ".scratch", "window-venv");
const REQUIREMENTS = "requirements.txt";

/** What makes the environment. */
export const RAY_SETUP = "sh bench/window/ray/setup.sh";

/** It speaks to nobody, and has what Ray itself sets for many calls, but for doors by which nobody comes. */
const RAY_ENVIRONMENT = {
  RAY_USAGE_STATS_ENABLED: "0",
  RAY_SERVE_THROUGHPUT_OPTIMIZED: "1",
  RAY_SERVE_ENABLE_DIRECT_INGRESS: "0",
};

/** It ends by itself when its input does; what hangs is killed. */
const END_MS = 60_000;

/** Whether the environment is there, as it should be now. */
export function hasRay(): boolean {
  const made = join(VENV, REQUIREMENTS);
  return existsSync(made) && readFileSync(made, "utf8") === readFileSync(join(FOLDER, REQUIREMENTS), "utf8");
}

/** Where the consumer is; what each is stands in the script. */
type Variant = "handle" | "replica";

/** Ray Serve batches the queue's messages. All that it started is gone when it is disposed of. */
export function rayServe(variant: Variant) {
  return async (queue: TestQueue, window: Window) => await startRay(variant, queue, window);
}

async function startRay(
  variant: Variant,
  queue: TestQueue,
  { rows, seconds }: Window,
): Promise<AsyncDisposable> {
  const job = await JobFolder.make({ files: 0 });
  // Short: the sockets of Ray have to lie in it, and a socket's path has 107 bytes at most.
  const temp = await mkdtemp(join(tmpdir(), "window-"));
  const python = join(VENV, "bin", "python");
  const { server, queue: name } = amqpOf(queue.address);
  const script = [join(FOLDER, "serve_batches.py"), variant, server, name, amqpOf(queue.results).queue];
  // Ray leaves daemons behind when it is killed; this one finds and ends them.
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
