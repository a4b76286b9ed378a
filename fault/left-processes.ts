import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Returns processes of this machine, except this one, whose environment or command line contains `mark`, e.g.
 * a job's folder. It also finds processes whose parents have exited.
 */
export function processesWith(mark: string): FoundProcess[] {
  const pids = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  return pids.map((pid) => lookAt(pid, mark)).filter((found) => found !== null);
}

/**
 * Returns the state letter of a process in /proc (`T`: stopped, `R` or `S`: running), or null after its exit.
 */
export async function processState(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The name before the state is in brackets, and may contain brackets.
  return stat?.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) ?? null;
}

/** Returns the PIDs of the direct children of a process. */
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
    // The process has exited meanwhile, or belongs to another user.
    return null;
  }
}
