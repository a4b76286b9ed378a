/** Process in Linux's `/proc/<pid>/stat`. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** CPU time of all its threads since its start, without its children. */
  readonly cpuSeconds: number;
}

/** Unit of CPU time in Linux: a hundredth of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** Parses `/proc/<pid>/stat`. */
export function parseStat(text: string): ProcessStat {
  // The name, in parentheses, may contain blanks and parentheses: fields are counted after it.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [parent = 0, userTicks = 0, systemTicks = 0] = [fields[1], fields[11], fields[12]];
  return { pid: Number.parseInt(text, 10), parent, cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND };
}

/** Parses the proportional set size in `/proc/<pid>/smaps_rollup`: own pages, and a share of shared ones. */
export function parsePssBytes(text: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Lists all descendants of `root`, without `root` itself. */
export function descendantsOf(root: number, processes: readonly ProcessStat[]): readonly ProcessStat[] {
  const byParent = new Map<number, ProcessStat[]>();
  for (const found of processes) byParent.set(found.parent, [...(byParent.get(found.parent) ?? []), found]);
  const found: ProcessStat[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of byParent.get(pid) ?? []) {
      found.push(child);
      open.push(child.pid);
    }
  }
  return found;
}
