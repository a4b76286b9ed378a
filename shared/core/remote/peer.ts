import type { Transferable } from "node:worker_threads";
import { type Deferred, deferred } from "../abort.ts";
import { assert } from "../assert.ts";
import { type ErrorData, errorFromData, errorToData, ShardmillError } from "../errors.ts";

/** Second argument of each method: its signal, and a way to send events. */
export interface CallContext<Event = never> {
  /** Aborts when the caller abandons the call, or closes the connection. */
  readonly signal: AbortSignal;
  /** Sends an event to the caller, before the reply. */
  emit(event: Event, transfer?: readonly Transferable[]): void;
}

/** Methods by their names: `(argument, context) => result`, at once or as a promise. */
export type Methods<T> = {
  readonly [K in keyof T]: (argument: never, context: CallContext<never>) => unknown;
};

export type Argument<M> = M extends (argument: infer A, ...rest: never) => unknown ? A : never;
export type Result<M> = M extends (...rest: never) => infer R ? Sent<Awaited<R>> : never;
type Sent<R> = R extends Transferred<infer V> ? V : R;
export type EventOf<M> = M extends (argument: never, context: CallContext<infer E>) => unknown ? E : never;

/** A result whose buffers and ports move to the caller instead of being copied. Threads only. */
export class Transferred<V> {
  readonly value: V;
  readonly transfer: readonly Transferable[];

  constructor(value: V, transfer: readonly Transferable[]) {
    this.value = value;
    this.transfer = transfer;
  }
}

export interface CallOptions<Event> {
  /** Moved with the argument instead of being copied. Threads only. Default: none. */
  readonly transfer?: readonly Transferable[];
  readonly onEvent?: (event: Event) => void;
  /**
   * Outcome of a call whose signal aborts. `leave`: the signal's reason at once. `wait`: the reply, or the
   * signal's reason when the call fails, and nothing is at work afterwards. Default: leave.
   */
  readonly onAbort?: "leave" | "wait";
  readonly signal: AbortSignal;
}

/** Message from one peer to the other. */
export type PeerMessage =
  /** Call of a method. An `id` of null: the caller wants no reply. */
  | { readonly kind: "call"; readonly id: number | null; readonly method: string; readonly argument: unknown }
  | { readonly kind: "abort"; readonly id: number }
  | { readonly kind: "event"; readonly id: number; readonly event: unknown }
  | { readonly kind: "done"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly error: ErrorData };

type Served = Readonly<Record<string, (argument: unknown, context: CallContext<unknown>) => unknown>>;

interface Pending extends Deferred<unknown> {
  readonly onEvent: (event: unknown) => void;
}

interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Next id, unique in this process: a reused child process cannot answer its earlier owner's call. */
let nextId = 0;

/**
 * One end of a connection: calls the methods (`T`) of the other peer, and serves its own. Both peers are
 * alike. An error crosses as data, with its code and fields.
 */
export class Peer<T extends Methods<T>> {
  readonly #post: (message: PeerMessage, transfer: readonly Transferable[]) => void;
  readonly #methods: Served;
  readonly #pending = new Map<number, Pending>();
  readonly #running = new Map<number, Running>();

  constructor(post: (message: object, transfer: readonly Transferable[]) => void, methods: object) {
    this.#post = post;
    this.#methods = methods as Served;
  }

  /** @throws what the method throws, with its code and fields. The signal's reason once it aborts. */
  async call<K extends keyof T & string>(
    method: K,
    argument: Argument<T[K]>,
    { transfer = [], onEvent = () => {}, onAbort = "leave", signal }: CallOptions<EventOf<T[K]>>,
  ): Promise<Result<T[K]>> {
    signal.throwIfAborted();
    const id = nextId;
    nextId += 1;
    const reply = deferred<unknown>();
    const abandon = () => {
      this.#post({ kind: "abort", id }, []);
      if (onAbort === "leave") reply.reject(signal.reason);
    };
    this.#pending.set(id, { ...reply, onEvent: onEvent as Pending["onEvent"] });
    signal.addEventListener("abort", abandon, { once: true });
    try {
      this.#post({ kind: "call", id, method, argument }, transfer);
      return (await reply.promise) as Result<T[K]>;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", abandon);
      this.#pending.delete(id);
    }
  }

  /** Calls a method without waiting for it. The peer must not let it throw. */
  notify<K extends keyof T & string>(
    method: K,
    argument: Argument<T[K]>,
    transfer: readonly Transferable[] = [],
  ): void {
    this.#post({ kind: "call", id: null, method, argument }, transfer);
  }

  /** Handles a message of the peer. Ignores one that is not a peer's. */
  receive(message: PeerMessage): void {
    switch (message.kind) {
      case "call":
        if (message.id === null) this.#run(message.method, message.argument, UNHEARD);
        else this.#answer(message.id, message.method, message.argument);
        break;
      case "abort":
        this.#running.get(message.id)?.stop.abort(abandoned());
        break;
      case "event":
        this.#pending.get(message.id)?.onEvent(message.event);
        break;
      case "done":
        this.#pending.get(message.id)?.resolve(message.value);
        break;
      case "failed":
        this.#pending.get(message.id)?.reject(errorFromData(message.error));
        break;
    }
  }

  /** Rejects every pending call. */
  reject(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
  }

  /** Aborts the calls at work here, and waits until they have ended. */
  async abandon(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort(abandoned());
    await Promise.all(running.map(({ ended }) => ended));
  }

  #run(method: string, argument: unknown, context: CallContext<unknown>): unknown {
    assert(Object.hasOwn(this.#methods, method), `the method ${method} is served`);
    return this.#methods[method]?.(argument, context);
  }

  #answer(id: number, method: string, argument: unknown): void {
    const stop = new AbortController();
    const emit = (event: unknown, transfer: readonly Transferable[] = []) =>
      this.#post({ kind: "event", id, event }, transfer);
    const result = new Promise((resolve) => {
      resolve(this.#run(method, argument, { signal: stop.signal, emit }));
    });
    const ended = result
      .then((value) => {
        const isMoved = value instanceof Transferred;
        const [sent, transfer] = isMoved ? [value.value, value.transfer] : [value, []];
        this.#post({ kind: "done", id, value: sent }, transfer);
      })
      .catch((error) => this.#post({ kind: "failed", id, error: errorToData(error) }, []))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, { stop, ended });
  }
}

const UNHEARD: CallContext<unknown> = { signal: new AbortController().signal, emit: () => {} };

function abandoned(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the call was abandoned");
}
