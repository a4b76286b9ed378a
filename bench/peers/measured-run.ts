import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { PEERS_FOLDER } from "./environment.ts";
import { TreeSampler } from "./tree-sampler.ts";

interface MeasuredCommand {
  readonly command: readonly string[];
  /** Variables added to a minimal environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit after which the command and its descendants are killed. */
  readonly limitMs: number;
}

/** Usage of a command and its descendants, from its start to its end. */
export interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Peak of the processes' proportional set sizes together. */
  readonly peakBytes: number;
  /** Processes that had to be killed after the command's end. */
  readonly leftBehind: number;
}

interface ReaperResult {
  readonly code: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly leftBehind: number;
}

const SAMPLE_MS = 200;
const TAIL_CHARACTERS = 3_000;

/**
 * Runs a command to its end. Finds, counts and ends the processes that the command leaves behind. Puts the
 * command's temporary files in a folder that is then removed.
 *
 * @throws when the command fails or exceeds the limit, with the end of its output
 */
export async function runMeasured({ command, env, limitMs }: MeasuredCommand): Promise<Usage> {
  // A short name: Ray's sockets are in the folder, and a socket's path has at most 107 bytes.
  const temp = await mkdtemp(join(tmpdir(), "peers-"));
  try {
    const result = join(temp, "result.json");
    const reaper = join(PEERS_FOLDER, "python", "reaper.py");
    const { PATH = "", HOME = "", JAVA_HOME } = process.env;
    const places = { TMPDIR: temp, RAY_TMPDIR: temp, SPARK_LOCAL_DIRS: temp };
    const child = spawn("python3", [reaper, result, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH, HOME, ...(JAVA_HOME === undefined ? {} : { JAVA_HOME }), ...places, ...env },
    });
    const { sampler, said } = await watch(child, limitMs);
    const text = await readFile(result, "utf8").catch(() => null);
    const found: ReaperResult | null = text === null ? null : JSON.parse(text);
    if (found?.code !== 0) {
      const how = found === null ? "did not end in time" : `ended with ${found.code}`;
      throw new Error(`${command.join(" ")} ${how}: ${said.trim()}`);
    }
    const { wallSeconds, leftBehind } = found;
    // Either can miss some: the kernel adds up processes that were waited for, the sampler those that it saw.
    const cpuSeconds = Math.max(found.cpuSeconds, sampler.cpuSeconds);
    return { wallSeconds, cpuSeconds, peakBytes: sampler.peakBytes, leftBehind };
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function watch(child: ChildProcess, limitMs: number) {
  const sampler = new TreeSampler(child.pid ?? 0);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-TAIL_CHARACTERS);
    });
  }
  let ended = false;
  const closed = once(child, "close").finally(() => {
    ended = true;
  });
  const stop = () => child.kill("SIGTERM");
  const limit = setTimeout(stop, limitMs);
  process.once("exit", stop);
  try {
    while (!ended) {
      await sampler.sample();
      await Promise.race([closed, sleep(SAMPLE_MS, NEVER)]);
    }
    await closed;
  } finally {
    clearTimeout(limit);
    process.off("exit", stop);
  }
  return { sampler, said };
}
