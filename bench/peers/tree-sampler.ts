import { readdir, readFile } from "node:fs/promises";
import { descendantsOf, type ProcessStat, parsePssBytes, parseStat } from "./process-tree.ts";

/** Usage of all descendants of a process, and optionally itself, by sampling. */
export class TreeSampler {
  /** Peak memory of all processes together. */
  peakBytes = 0;
  readonly #root: number;
  readonly #isRootCounted: boolean;
  readonly #cpuSeconds = new Map<number, number>();

  constructor(root: number, { isRootCounted = false }: { readonly isRootCounted?: boolean } = {}) {
    this.#root = root;
    this.#isRootCounted = isRootCounted;
  }

  /** Returns the sum of the CPU times at each process's last sample. Later CPU time is missing. */
  get cpuSeconds(): number {
    return [...this.#cpuSeconds.values()].reduce((sum, seconds) => sum + seconds, 0);
  }

  async sample(): Promise<void> {
    const all = await allProcesses();
    const own = this.#isRootCounted ? all.filter(({ pid }) => pid === this.#root) : [];
    const tree = [...own, ...descendantsOf(this.#root, all)];
    let bytes = 0;
    for (const { pid, cpuSeconds } of tree) {
      this.#cpuSeconds.set(pid, cpuSeconds);
      bytes += parsePssBytes(await textOf(`/proc/${pid}/smaps_rollup`));
    }
    this.peakBytes = Math.max(this.peakBytes, bytes);
  }
}

async function allProcesses(): Promise<readonly ProcessStat[]> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(names.map((name) => textOf(`/proc/${name}/stat`)));
  return texts.filter((text) => text !== "").map(parseStat);
}

/** Reads a file. Empty: the process has ended. */
async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
