import { readdirSync, readFileSync } from "node:fs";

/**
 * Returns true when a process of the group `pgid` runs. An exited process without a parent stays in the group
 * until the system's first process collects it. In a container that may take seconds. Also returns true
 * without /proc.
 */
export function hasLiving(pgid: number): boolean {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return true;
  }
  return names.some((name) => {
    if (!/^\d/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(group) === pgid && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}
