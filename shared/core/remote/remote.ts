import type { Transferable } from "node:worker_threads";
import { assertNever } from "../assert.ts";
import { messageOf } from "../errors.ts";
import { formatBytes } from "../units.ts";
import {
  type Argument,
  type CallOptions,
  type EventOf,
  type Methods,
  Peer,
  type PeerMessage,
  type Result,
} from "./peer.ts";

/** Reason why a thread or process serves no more calls. */
export type RemoteEnd =
  /** Uncaught error, or an error that kept it from starting. */
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "exited"; readonly code: number | null; readonly by: NodeJS.Signals | null }
  /** Exceeded memory limit. `bytes`: memory that it held, at least. */
  | { readonly kind: "memory"; readonly bytes: number }
  /** Missing reply within the limit. */
  | { readonly kind: "time"; readonly limitMs: number }
  /** End by its owner, who closed or killed it. */
  | { readonly kind: "closed" };

/** Describes the end for a message: `exit code 7`, `SIGKILL`, `it did not answer for 5 s`. */
export function endText(end: RemoteEnd): string {
  switch (end.kind) {
    case "failed":
      return messageOf(end.error);
    case "exited":
      return end.by ?? `exit code ${end.code}`;
    case "memory":
      return `it took more than ${formatBytes(end.bytes)} of memory`;
    case "time":
      return `it did not answer for ${end.limitMs / 1000} s`;
    case "closed":
      return "it was ended";
    default:
      return assertNever(end);
  }
}

/** A thread or child process with its messages: a `ThreadLink` or a `ProcessLink`. */
export interface RemoteLink {
  post(message: object, transfer: readonly Transferable[]): void;
  /** Listens from now on, until it is disposed of. `onEnd` may be called more than once. */
  listen(onMessage: (message: PeerMessage) => void, onEnd: (end: RemoteEnd) => void): Disposable;
  /** Ends it by force, and waits until it is gone. */
  kill(): Promise<void>;
  /** Waits for an end that was asked for. @returns whether it has ended */
  untilEnded(limitMs: number): Promise<boolean>;
}

interface RemoteOptions {
  /** Methods that the peer calls: its events and questions. Default: none. */
  readonly serves?: object;
  /** Makes the error of all pending and later calls. Called once, with the reason. Default: a RemoteLost. */
  readonly lost?: (end: RemoteEnd) => Error;
}

/** A call to a thread or process that serves no more. */
export class RemoteLost extends Error {
  override readonly name = "RemoteLost";
  readonly end: RemoteEnd;

  constructor(end: RemoteEnd) {
    super(endText(end), end.kind === "failed" ? { cause: end.error } : undefined);
    this.end = end;
  }
}

interface RemoteCallOptions<Event> extends CallOptions<Event> {
  /** Ends the thread or process when there is no reply for so long. Default: no limit. */
  readonly limitMs?: number;
}

/**
 * Owner's end of a thread or child process that serves the methods `T` by `serveOwner`. Controls calls,
 * limits and the reason for the end. No call waits for ever.
 *
 * Law: only the first reason counts. From then on every call, pending or later, rejects with its error.
 */
export class Remote<T extends Methods<T>> implements AsyncDisposable {
  readonly #link: RemoteLink;
  readonly #peer: Peer<T>;
  readonly #listening: Disposable;
  readonly #lost: (end: RemoteEnd) => Error;
  #error: Error | null = null;

  constructor(link: RemoteLink, { serves = {}, lost = (end) => new RemoteLost(end) }: RemoteOptions = {}) {
    this.#link = link;
    this.#lost = lost;
    this.#peer = new Peer<T>((message, transfer) => link.post(message, transfer), serves);
    this.#listening = link.listen(
      (message) => this.#peer.receive(message),
      (end) => this.#fail(end),
    );
  }

  /** Error of all further calls. Null while it serves. */
  get error(): Error | null {
    return this.#error;
  }

  /** @throws as `Peer.call`, and the error of `lost` once the thread or process serves no more */
  async call<K extends keyof T & string>(
    method: K,
    argument: Argument<T[K]>,
    { limitMs, ...options }: RemoteCallOptions<EventOf<T[K]>>,
  ): Promise<Result<T[K]>> {
    if (this.#error !== null) throw this.#error;
    const timer =
      limitMs === undefined ? undefined : setTimeout(() => this.end({ kind: "time", limitMs }), limitMs);
    try {
      return await this.#peer.call(method, argument, options);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls a method without waiting for it. Does nothing once the peer serves no more. */
  notify<K extends keyof T & string>(
    method: K,
    argument: Argument<T[K]>,
    transfer: readonly Transferable[] = [],
  ): void {
    if (this.#error === null) this.#peer.notify(method, argument, transfer);
  }

  /**
   * Asks it to abandon its calls, close what it has open, and end. A thread that has not ended after
   * `limitMs` is left behind: see `untilEnded`.
   *
   * @returns whether it has ended
   */
  async close(limitMs: number): Promise<boolean> {
    if (this.#error === null) {
      this.#error = this.#lost({ kind: "closed" });
      this.#link.post({ kind: "close" }, []);
    }
    const hasEnded = await this.#link.untilEnded(limitMs);
    if (!hasEnded) this.#peer.reject(this.#error);
    return hasEnded;
  }

  /** Ends it by force, for a reason that its owner has found. Does not wait. */
  end(reason: RemoteEnd = { kind: "closed" }): void {
    this.#fail(reason);
    void this.#link.kill();
  }

  /** Leaves the thread or process to the next owner. No call may be pending. */
  release(): void {
    this.#error ??= this.#lost({ kind: "closed" });
    this.#listening[Symbol.dispose]();
  }

  /** Ends it by force, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail({ kind: "closed" });
    await this.#link.kill();
  }

  #fail(end: RemoteEnd): void {
    this.#error ??= this.#lost(end);
    this.#peer.reject(this.#error);
  }
}
