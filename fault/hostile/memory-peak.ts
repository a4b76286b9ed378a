import { readFile } from "node:fs/promises";
import { childrenOf } from "../left-processes.ts";

const LOOK_MS = 40;

/** The most memory that a process and its children held at once, as far as looking often can tell. */
export class MemoryPeak implements Disposable {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #most = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** Looks once more. */
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

/** 0 when the process is gone. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
