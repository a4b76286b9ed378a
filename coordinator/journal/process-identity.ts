import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** One process in its one life: a number alone is used again after a while. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** The boot of the machine; null where it cannot be known. */
  readonly bootId: string | null;
  /** When the process started, in ticks since the boot; null where it cannot be known. */
  readonly startTicks: string | null;
}

/** Who this process is, and who else lives: a parameter, so that the simulator's processes can die too. */
export interface Processes {
  own(): ProcessIdentity;
  isSurelyDead(identity: ProcessIdentity): boolean;
}

export const systemProcesses: Processes = { own: ownIdentity, isSurelyDead };

export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    pid: process.pid,
    bootId: bootId(),
    startTicks: readStat(process.pid)?.startTicks ?? null,
  };
}

/** Whether a process of this machine is surely over. Of another machine nothing is known: then this is false. */
export function isSurelyDead(identity: ProcessIdentity): boolean {
  if (identity.host !== hostname()) return false;
  const boot = bootId();
  if (boot !== null && identity.bootId !== null && boot !== identity.bootId) return true;
  if (!exists(identity.pid)) return true;
  const stat = readStat(identity.pid);
  if (stat === null) return false;
  // A zombie runs nothing any more; it only waits for its parent.
  if (stat.state === "Z" || stat.state === "X") return true;
  return identity.startTicks !== null && identity.startTicks !== stat.startTicks;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** From /proc/<pid>/stat, where there is one: fields 3 and 22 of proc(5). */
function readStat(pid: number): { readonly state: string; readonly startTicks: string } | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command in field 2 may hold spaces and brackets: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined ? null : { state, startTicks };
}

function bootId(): string | null {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
