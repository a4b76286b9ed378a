import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { deferred } from "../../../shared/core/abort.ts";
import { watchMemory } from "../../../shared/core/memory-watch.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { type JobStores, NO_STORES, storesOf } from "../../../shared/domain/job-stores.ts";
import { processTally } from "../../../shared/http/store-tally.ts";
import { hearCounts, isCounts } from "../../../shared/http/told-counts.ts";
import type { FoundFile } from "../input/discover.ts";
import type {
  AskedOfStores,
  FooterAnswer,
  FooterRequest,
  SniffAnswer,
  SniffRequest,
  TextForms,
} from "./footer-protocol.ts";

export interface ReadLimits {
  readonly limitMs: number;
  readonly memoryLimitBytes: number;
  readonly signal: AbortSignal;
  /** What the job says of its stores. Left out: nothing. */
  readonly stores?: JobStores;
  /** Of columns whose names are in this text, statistics are read. Left out: of none. */
  readonly named?: string | null;
  /** Left out: there are no text files. */
  readonly text?: TextForms;
}

export type ProcessReply<Answer = FooterAnswer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "broke"; readonly found: string };

/**
 * A process that reads footers, some files at a time, and is ended when a file crashes it, hangs it, or makes
 * it take more memory than a footer can need. A process and not a thread: only a process's memory can be
 * bounded, and native code that crashes takes its whole process along.
 */
export class FooterProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #isUsable = true;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(this.#child, "exit").catch(() => {});
    // While a read waits it has listeners of its own; between reads a failure only makes the process
    // unusable.
    const onEnd = () => {
      this.#isUsable = false;
    };
    this.#child.on("error", onEnd).on("exit", onEnd);
    hearCounts(child);
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** What it answers, or what broke it; rejects only with the signal's reason. */
  read(files: readonly FoundFile[], limits: ReadLimits): Promise<ProcessReply> {
    const { stores = NO_STORES, named = null, text = {} } = limits;
    return this.#ask<FooterAnswer>(
      { files, stores: storesOf(stores, files), named, text } satisfies FooterRequest,
      limits,
    );
  }

  /** The same, of what text files have for columns. */
  sniff(request: SniffRequest, limits: ReadLimits): Promise<ProcessReply<SniffAnswer>> {
    return this.#ask<SniffAnswer>(request, limits);
  }

  async #ask<Answer>(
    request: object,
    { limitMs, memoryLimitBytes, signal }: ReadLimits,
  ): Promise<ProcessReply<Answer>> {
    signal.throwIfAborted();
    const reply = deferred<ProcessReply<Answer>>();
    const breakWith = (found: string) => {
      this.#isUsable = false;
      reply.resolve({ kind: "broke", found });
    };
    const onMessage = (answer: Answer & AskedOfStores) => {
      if (isCounts(answer)) return;
      processTally.add(answer.stores ?? []);
      reply.resolve({ kind: "answered", answer });
    };
    const onError = (error: Error) => breakWith(`the reader broke on it (${error.message})`);
    const onExit = (code: number | null, by: string | null) =>
      breakWith(`the reader ended on it (${by ?? `exit code ${code}`})`);
    const onAbort = () => {
      this.#isUsable = false;
      reply.reject(signal.reason);
    };
    const timer = setTimeout(() => breakWith(`no end after ${limitMs / 1000} seconds of reading`), limitMs);
    using _watch = watchMemory(this.#child.pid ?? 0, {
      limitBytes: memoryLimitBytes,
      onOver: (bytes) => breakWith(`reading it takes more than ${formatBytes(bytes)} of memory`),
    });
    this.#child.on("message", onMessage).once("error", onError).once("exit", onExit);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      // A process that is gone by now says so by its exit.
      this.#child.send(request, () => {});
      return await reply.promise;
    } finally {
      clearTimeout(timer);
      this.#child.off("message", onMessage).off("error", onError).off("exit", onExit);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isUsable = false;
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null)
      return;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}
