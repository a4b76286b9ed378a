import { readdir, readFile } from "node:fs/promises";

export interface ProcessSample {
  readonly atSeconds: number;
  readonly rssBytes: number;
  /** CPU time of all its threads since its start. */
  readonly cpuSeconds: number;
  /** CPU time of its first thread, which runs a Node program's own code. */
  readonly mainCpuSeconds: number;
  /** CPU time of each other thread, by its id. */
  readonly threads: ReadonlyMap<number, number>;
}

/** Unit of CPU time in Linux: a hundredth of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** Reads a process's current usage from Linux. */
export async function sampleProcess(pid: number): Promise<ProcessSample> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const threads = new Map<number, number>();
  for (const name of await readdir(`/proc/${pid}/task`)) {
    // A thread may end meanwhile.
    const stat = await readFile(`/proc/${pid}/task/${name}/stat`, "utf8").catch(() => null);
    if (stat !== null && name !== String(pid)) threads.set(Number(name), cpuSecondsIn(stat));
  }
  return {
    threads,
    atSeconds: performance.now() / 1000,
    rssBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024,
    cpuSeconds: cpuSecondsIn(await readFile(`/proc/${pid}/stat`, "utf8")),
    mainCpuSeconds: cpuSecondsIn(await readFile(`/proc/${pid}/task/${pid}/stat`, "utf8")),
  };
}

function cpuSecondsIn(stat: string): number {
  // The name, in parentheses, may contain blanks: fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [userTicks = 0, systemTicks = 0] = fields.slice(11, 13).map(Number);
  return (userTicks + systemTicks) / TICKS_PER_SECOND;
}

/** Returns the slope of the least-squares line through the points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return over / under;
}
