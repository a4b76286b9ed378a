import type { ChildProcess } from "node:child_process";

/** Lifetime of a spare process. Starting one takes a fifth of a second. */
const SPARE_MS = 30_000;

/**
 * Process that is started ahead, or kept warm for its next owner. One is enough. The work arrives as a
 * message: until then all spare processes are the same. A spare process ends with this process, and does not
 * keep this process alive.
 */
export class SpareProcess {
  readonly #start: () => ChildProcess;
  #spare: { readonly child: ChildProcess; readonly timer: NodeJS.Timeout } | null = null;

  constructor(start: () => ChildProcess) {
    this.#start = start;
  }

  /** Starts a process that will be needed soon, unless one is warm already. */
  warm(): void {
    if (this.#spare === null) this.keep(this.#start());
  }

  /** Returns the warm process, or a new one. The caller owns it. */
  take(): ChildProcess {
    if (this.#spare === null) return this.#start();
    const { child, timer } = this.#spare;
    this.#spare = null;
    clearTimeout(timer);
    process.off("exit", this.#end);
    child.removeListener("exit", this.#forget).removeListener("error", this.#forget);
    if (!child.connected) return this.#start();
    for (const held of handlesOf(child)) held.ref();
    return child;
  }

  /** Keeps an idle process warm. */
  keep(child: ChildProcess): void {
    if (this.#spare !== null || !child.connected) {
      child.kill("SIGKILL");
      return;
    }
    const timer = setTimeout(this.#end, SPARE_MS).unref();
    process.on("exit", this.#end);
    this.#spare = { child, timer };
    child.once("exit", this.#forget).once("error", this.#forget);
    for (const held of handlesOf(child)) held.unref();
  }

  /** Handles a process that ended or failed to start. */
  readonly #forget = (): void => {
    if (this.#spare === null) return;
    clearTimeout(this.#spare.timer);
    process.off("exit", this.#end);
    this.#spare = null;
  };

  readonly #end = (): void => {
    const child = this.#spare?.child;
    this.#forget();
    child?.kill("SIGKILL");
  };
}

interface Handle {
  ref(): unknown;
  unref(): unknown;
}

/** Lists the handles through which a child keeps this process alive: the child, its channel, its pipes. */
function handlesOf(child: ChildProcess): readonly Handle[] {
  const pipe = child.stderr as (ChildProcess["stderr"] & Handle) | null;
  const held: readonly (Handle | null | undefined)[] = [child, child.channel, pipe];
  return held.filter((handle) => handle !== null && handle !== undefined);
}
