import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "./errno.ts";

/** Identity of one process. A process number alone is reused later, and means another process elsewhere. */
export interface ProcessIdentity {
  readonly host: string;
  /** Boot of the machine. Null: unknown. */
  readonly bootId: string | null;
  /** Namespace of `pid`: each container has its own. Null: unknown. */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** Start of the process, in ticks since the boot. Null: unknown. */
  readonly startTicks: string | null;
}

const PARTS = ["host", "bootId", "pidNamespace", "pid", "startTicks"] as const;

/** Checks whether two identities are of the same process. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return PARTS.every((part) => one[part] === other[part]);
}

/** State of a process. `unknown`: its machine, boot or PID namespace is not visible here. */
export type ProcessState = "running" | "exited" | "unknown";

/** Identity of this process, and state of others. A parameter, so that the simulator can end processes. */
export interface Processes {
  own(): ProcessIdentity;
  processState(identity: ProcessIdentity): ProcessState;
}

export const systemProcesses: Processes = {
  own: ownIdentity,
  processState: (identity) => processState(identity),
};

/** Namespace on systems without PID namespaces. */
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
 * Returns the state of a process by its number, if that is conclusive. Two containers with one host name, or
 * two machines with the same name, number their processes separately.
 *
 * @param here identity of the observer, for tests
 */
export function processState(identity: ProcessIdentity, here: ProcessIdentity = ownIdentity()): ProcessState {
  const { host, bootId: boot, pidNamespace: namespace } = here;
  if (namespace === null || identity.pidNamespace !== namespace) return "unknown";
  if (identity.host !== host || identity.bootId !== boot) return "unknown";
  if (!exists(identity.pid)) return "exited";
  const stat = readStat(identity.pid);
  if (stat === null) return "running";
  // A zombie runs nothing and only waits for its parent.
  if (stat.state === "Z" || stat.state === "X") return "exited";
  return identity.startTicks !== null && identity.startTicks !== stat.startTicks ? "exited" : "running";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists, and another user owns it.
    return errorCode(error) !== "ESRCH";
  }
}

/** Reads fields 3 and 22 of /proc/<pid>/stat (see proc(5)). Null: no such file. */
function readStat(pid: number): { readonly state: string; readonly startTicks: string } | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command in field 2 may contain spaces and brackets, so count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined ? null : { state, startTicks };
}

function bootId(): string | null {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

/** Returns the number in `pid:[4026531836]`, which is unique among a machine's current namespaces. */
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
