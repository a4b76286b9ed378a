import type { ChildProcess } from "node:child_process";

/** How long a process waits for whoever wants it. Starting one takes a fifth of a second. */
const SPARE_MS = 30_000;

/**
 * A process that is started before somebody wants it, or kept for whoever comes next; one is enough. What it
 * is to do comes as a message: all of them are the same until then. It ends with this process, and does not
 * keep it alive.
 */
export class SpareProcess {
  readonly #start: () => ChildProcess;
  #spare: { readonly child: ChildProcess; readonly timer: NodeJS.Timeout } | null = null;

  constructor(start: () => ChildProcess) {
    this.#start = start;
  }

  /** Starts one that will be wanted soon, unless one waits already. */
  warm(): void {
    if (this.#spare === null) this.keep(this.#start());
  }

  /** The one that waits, or a new one. Its owner is the caller. */
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

  /** Keeps one that has nothing to do any more. */
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

  /** It ended, or could not be started. */
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

/** What keeps this process alive for a child's sake: the child, its channel, its pipes. */
function handlesOf(child: ChildProcess): readonly Handle[] {
  const pipe = child.stderr as (ChildProcess["stderr"] & Handle) | null;
  const held: readonly (Handle | null | undefined)[] = [child, child.channel, pipe];
  return held.filter((handle) => handle !== null && handle !== undefined);
}
