import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "./errno.ts";

/**
 * One process in its one life: a number alone is used again after a while, and means another process
 * elsewhere.
 */
export interface ProcessIdentity {
  readonly host: string;
  /** The boot of the machine; null where it cannot be known. */
  readonly bootId: string | null;
  /** Where `pid` is a number of: each container has its own. Null where it cannot be known. */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** When the process started, in ticks since the boot; null where it cannot be known. */
  readonly startTicks: string | null;
}

const PARTS = ["host", "bootId", "pidNamespace", "pid", "startTicks"] as const;

/** Tells whether two identities are of one process in its one life. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return PARTS.every((part) => one[part] === other[part]);
}

/** `unknown`: of a process of another machine, boot or PID namespace nothing can be seen from here. */
export type Life = "alive" | "dead" | "unknown";

/** Who this process is, and who else lives: a parameter, so that the simulator's processes can die too. */
export interface Processes {
  own(): ProcessIdentity;
  lifeOf(identity: ProcessIdentity): Life;
}

export const systemProcesses: Processes = { own: ownIdentity, lifeOf: (identity) => lifeOf(identity) };

/** What systems without PID namespaces have for one. */
const ONE_NAMESPACE = "all";

export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    pid: process.pid,
    startTicks: readStat(process.pid)?.startTicks ?? null,
  };
}

/**
 * Whether a process lives, judged by its number, where that says something: two containers of one host name,
 * or one machine name given twice, have numbers of their own.
 *
 * @param here for tests: who judges
 */
export function lifeOf(identity: ProcessIdentity, here: ProcessIdentity = ownIdentity()): Life {
  const { host, bootId: boot, pidNamespace: namespace } = here;
  if (namespace === null || identity.pidNamespace !== namespace) return "unknown";
  if (identity.host !== host || identity.bootId !== boot) return "unknown";
  if (!exists(identity.pid)) return "dead";
  const stat = readStat(identity.pid);
  if (stat === null) return "alive";
  // A zombie runs nothing any more; it only waits for its parent.
  if (stat.state === "Z" || stat.state === "X") return "dead";
  return identity.startTicks !== null && identity.startTicks !== stat.startTicks ? "dead" : "alive";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return errorCode(error) !== "ESRCH";
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

/** The number in `pid:[4026531836]`: unique among those that exist on a machine. */
function pidNamespace(): string | null {
  if (process.platform !== "linux") return ONE_NAMESPACE;
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? null;
  } catch {
    return null;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
