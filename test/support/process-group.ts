import { readdirSync, readFileSync } from "node:fs";

/**
 * Whether a process of the group `pgid` is alive. A dead one whose parent is gone stays in the group until
 * the system's first process collects it, which in a container may take seconds. True where there is no
 * /proc.
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
