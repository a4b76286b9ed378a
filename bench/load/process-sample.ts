import { readFile } from "node:fs/promises";

export interface ProcessSample {
  readonly atSeconds: number;
  readonly rssBytes: number;
  /** All of its threads, since it began. */
  readonly cpuSeconds: number;
  /** Of that, its first thread: the one that runs a Node program's own code. */
  readonly mainCpuSeconds: number;
}

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** What a process uses now, as Linux tells. */
export async function sampleProcess(pid: number): Promise<ProcessSample> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return {
    atSeconds: performance.now() / 1000,
    rssBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024,
    cpuSeconds: cpuSecondsIn(await readFile(`/proc/${pid}/stat`, "utf8")),
    mainCpuSeconds: cpuSecondsIn(await readFile(`/proc/${pid}/task/${pid}/stat`, "utf8")),
  };
}

function cpuSecondsIn(stat: string): number {
  // The name, in parentheses, may hold blanks: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [userTicks = 0, systemTicks = 0] = fields.slice(11, 13).map(Number);
  return (userTicks + systemTicks) / TICKS_PER_SECOND;
}

/** The slope of the line of least squares through the points: y for each x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return over / under;
}
