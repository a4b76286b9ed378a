import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * The processes of this machine whose environment or command line has `mark` (a job's own folder): whatever
 * became of their parents, they are found. Other than this process.
 */
export function processesWith(mark: string): FoundProcess[] {
  const pids = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  return pids.map((pid) => lookAt(pid, mark)).filter((found) => found !== null);
}

/** The state letter of a process in /proc (`T`: stopped, `R`, `S`: alive), or null when it is gone. */
export async function processState(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The name before the state is in brackets, and may hold any of them.
  return stat?.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) ?? null;
}

/** The direct children of a process. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim().split(" ").map(Number).filter(Boolean);
}

function lookAt(pid: number, mark: string): FoundProcess | null {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    if (!environment.includes(mark) && !command.includes(mark)) return null;
    return { pid, command: command.replaceAll("\0", " ").trim() };
  } catch {
    // Gone meanwhile, or not ours to see.
    return null;
  }
}
