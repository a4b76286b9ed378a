import type { ChildProcess } from "node:child_process";
import type { Transferable } from "node:worker_threads";
import { deferred, orAbort } from "../abort.ts";
import { assert } from "../assert.ts";
import { watchMemory } from "../memory-watch.ts";
import type { PeerMessage } from "./peer.ts";
import type { RemoteEnd, RemoteLink } from "./remote.ts";

/** A forked child process with its messages, which are JSON. */
export class ProcessLink implements RemoteLink {
  readonly child: ChildProcess;
  readonly #memoryLimitBytes: number | undefined;
  readonly #exited = deferred<void>();

  /** @param memoryLimitBytes of its own memory, native memory included. Default: not watched */
  constructor(child: ChildProcess, memoryLimitBytes?: number) {
    this.child = child;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  post(message: object, transfer: readonly Transferable[]): void {
    assert(transfer.length === 0, "nothing moves to another process");
    // A process that is already gone reports its end.
    this.child.send(message, () => {});
  }

  listen(onMessage: (message: PeerMessage) => void, onEnd: (end: RemoteEnd) => void): Disposable {
    const { child } = this;
    const onError = (error: Error) => {
      onEnd({ kind: "failed", error });
      // A process that never started does not exit.
      if (child.pid === undefined) this.#exited.resolve();
    };
    // Not "exit": the last messages may arrive after that.
    const onClose = (code: number | null, by: NodeJS.Signals | null) => {
      onEnd({ kind: "exited", code, by });
      this.#exited.resolve();
    };
    child.on("message", onMessage).on("error", onError).on("close", onClose);
    const onOver = (bytes: number) => {
      onEnd({ kind: "memory", bytes });
      child.kill("SIGKILL");
    };
    const limitBytes = this.#memoryLimitBytes;
    const watch = limitBytes === undefined ? null : watchMemory(child.pid ?? 0, { limitBytes, onOver });
    return {
      [Symbol.dispose]: () => {
        watch?.[Symbol.dispose]();
        child.off("message", onMessage).off("error", onError).off("close", onClose);
      },
    };
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#exited.promise;
  }

  async untilEnded(limitMs: number): Promise<boolean> {
    const late = new AbortController();
    const timer = Number.isFinite(limitMs) ? setTimeout(() => late.abort(), limitMs) : undefined;
    try {
      return await orAbort(
        this.#exited.promise.then(() => true),
        late.signal,
      ).catch(() => false);
    } finally {
      clearTimeout(timer);
    }
  }
}
