import { readFile } from "node:fs/promises";
import { childrenOf } from "../left-processes.ts";

const LOOK_MS = 40;

/** Memory peak of a process and its children, sampled often. */
export class MemoryPeak implements Disposable {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #most = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Samples once more and returns the peak. */
  async take(): Promise<number> {
    await this.#look();
    return this.#most;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const pids = [this.#pid, ...(await childrenOf(this.#pid))];
    const held = await Promise.all(pids.map(residentBytes));
    this.#most = Math.max(
      this.#most,
      held.reduce((sum, bytes) => sum + bytes, 0),
    );
  }
}

/** Returns the resident bytes of a process, or 0 after its exit. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
