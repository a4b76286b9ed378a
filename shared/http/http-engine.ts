import { setMaxListeners } from "node:events";
import { joined, orAbort, sleepBy } from "../core/abort.ts";
import { systemClock, type Timers } from "../core/clock.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { Slots } from "../core/slots.ts";
import { Connections } from "./connections.ts";
import { exchangeDirectly } from "./direct-exchange.ts";
import { exchange } from "./exchange.ts";
import { failed, judgedByError, PassingFailure, wantsProxyUser } from "./failures.ts";
import type { Answer, AnswerHead, BodyReader, HttpRequest } from "./messages.ts";
import { hopOf, ledTo, MOST_HOPS, withUserAsSecret } from "./redirects.ts";
import { RetryBudget, waitMsBefore } from "./retries.ts";
import { processTally, type StoreMeter, type StoreTally, storeNameOf } from "./store-tally.ts";

/** Request to a server with its retries. */
export interface HttpCall<T> {
  /** Name for errors, without secrets. */
  readonly path: string;
  /** Makes the request of each try: signatures have a date, and ranges continue where the last try ended. */
  request(): HttpRequest | Promise<HttpRequest>;
  /** Returns the reader of an expected answer's body. Null: the answer is judged. */
  open(head: AnswerHead): BodyReader<T> | null;
  /** Returns the error of an unexpected answer. A {@link PassingFailure} means a retry. */
  judge(answer: Answer): Error;
  /** Called when an expected answer begins: the server accepted the credentials. */
  onMeant?(): void;
  /**
   * True when redirects may be followed. False: the request is for this server alone, and a redirect is
   * judged. Default: true for reads.
   */
  readonly isLed?: boolean;
  /** Returns the progress so far. A try with progress does not count as failed. */
  progress?(): number;
  /** Limit of silence of a server that answers late. Default: the engine's. */
  readonly idleMs?: number;
}

export interface HttpEngineOptions {
  readonly timers?: Timers;
  readonly random?: Random;
  readonly idleMs?: number;
  /** Limit of concurrent requests to one store. */
  readonly atOnce?: number;
  /** Options of `Connections`. */
  readonly caOf?: (url: URL) => string | undefined;
  readonly isGuarded?: boolean;
  readonly admit?: (url: URL) => void;
  /** Tries of an unknown server. Default: as for other failures. */
  readonly unknownTries?: number;
  /** Tally that counts requests by the store's name in their calls. Default: the process's. */
  readonly tally?: StoreTally;
}

/** Limit of silence. A proxy that dropped a connection sends nothing. A store answers within seconds. */
const IDLE_MS = 30_000;
/** Limit of concurrent requests to a store, as in browsers. */
const AT_ONCE = 8;
/** Limit of bytes that are read of an unexpected answer: a page of HTML, an error in XML. */
const MOST_OTHER_BYTES = 64 << 10;
/** Limit of remembered stores: rows may name files on any number of servers. The oldest is dropped. */
const MOST_STORES = 1_000;

interface Store {
  readonly budget: RetryBudget;
  readonly slots: Slots;
}

type Outcome<T> =
  | { readonly kind: "meant"; readonly value: T }
  | { readonly kind: "other"; readonly answer: Answer };

/**
 * Client of web servers and object stores. Retries transient failures, under one budget for each store: a
 * host and its port. Follows redirects, and uses the proxies that the environment names.
 */
export class HttpEngine implements Disposable {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #idleMs: number;
  readonly #atOnce: number;
  readonly #unknownTries: number | undefined;
  readonly #tally: StoreTally;
  readonly #connections: Connections;
  readonly #stores = new Map<string, Store>();
  readonly #disposed = new AbortController();

  constructor(options: HttpEngineOptions = {}) {
    this.#timers = options.timers ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#atOnce = options.atOnce ?? AT_ONCE;
    this.#unknownTries = options.unknownTries;
    this.#tally = options.tally ?? processTally;
    this.#connections = new Connections(options);
    setMaxListeners(0, this.#disposed.signal);
  }

  /**
   * Calls a server, with retries.
   *
   * @throws {STORE_REFUSED} when a redirect is unsafe, or the certificate is invalid
   * @throws {STORE_FAILED} when retries are exhausted
   * @throws the error of the call's `judge`, or the signal's reason
   */
  async call<T>(call: HttpCall<T>, signal: AbortSignal): Promise<T> {
    using both = joined(signal, this.#disposed.signal);
    return await this.#persist(call, both.signal);
  }

  /** Aborts running calls, so that they open no connections after this. */
  [Symbol.dispose](): void {
    this.#disposed.abort(new Error("the engine was disposed of before the call ended"));
    this.#connections[Symbol.dispose]();
  }

  async #persist<T>(call: HttpCall<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      signal.throwIfAborted();
      const before = call.progress?.() ?? 0;
      // Credentials may take long.
      const request = await orAbort(Promise.resolve(call.request()), signal);
      const store = this.#storeOf(request.url);
      try {
        const value = await this.#follow(request, call, signal);
        store.budget.refill();
        return value;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof PassingFailure)) throw error;
        if ((call.progress?.() ?? 0) > before) tries = 1;
        if (error.isPaced) {
          tries -= 1;
          this.#tally.of(storeNameOf(call.path, request.url)).add("retries", 1);
          continue;
        }
        const waitMs = waitMsBefore(error, tries, {
          ...{ budget: store.budget, random: this.#random.unit() },
          mostTries: error.fields.server === undefined ? undefined : this.#unknownTries,
        });
        const name = storeNameOf(call.path, request.url);
        if (waitMs === null) throw givenUp(call.path, error, { store: name, tries });
        const meter = this.#tally.of(name);
        meter.add("retries", 1);
        await sleepBy(this.#timers, waitMs, signal);
        meter.add("waitedMs", waitMs);
      }
    }
  }

  async #follow<T>(first: HttpRequest, call: HttpCall<T>, signal: AbortSignal): Promise<T> {
    // After a redirect, counts still belong to the first store.
    const meter = this.#tally.of(storeNameOf(call.path, first.url));
    let request = counted(withUserAsSecret(first), meter);
    for (let hops = 0; ; hops += 1) {
      const outcome = await this.#ask(request, { call, meter, signal });
      if (outcome.kind === "meant") return outcome.value;
      const { answer } = outcome;
      const hop = hopOf(request.url, answer.status, answer.headers.location);
      if (hop.kind === "here" || !isRead(request) || call.isLed === false) throw call.judge(answer);
      if (hop.kind === "refused") throw failed("STORE_REFUSED", call.path, hop.why);
      if (hops === MOST_HOPS)
        throw failed("STORE_REFUSED", call.path, `redirects more than ${MOST_HOPS} times`);
      request = ledTo(hop.url, request);
    }
  }

  async #ask<T>(
    request: HttpRequest,
    { call, meter, signal }: { call: HttpCall<T>; meter: StoreMeter; signal: AbortSignal },
  ): Promise<Outcome<T>> {
    const { slots } = this.#storeOf(request.url);
    const release = await slots.take(signal);
    try {
      const { proxy, connection, lines } = await this.#connections.to(request.url);
      meter.add("requests", 1);
      const requestedMs = systemClock.nowMs();
      const open = (head: AnswerHead): BodyReader<Outcome<T>> => {
        if (head.status === 429 || head.status === 503) meter.add("throttled", 1);
        if (isRead(request)) {
          meter.add("answers", 1);
          meter.add("firstByteMs", systemClock.nowMs() - requestedMs);
        }
        const meant = call.open(head);
        if (meant !== null) call.onMeant?.();
        return counting(meter, meant === null ? collected(head) : asMeant(meant));
      };
      const judge = (error: unknown) =>
        judgedByError(call.path, { host: request.url.hostname, proxy }, error);
      const options = { connection, idleMs: call.idleMs ?? this.#idleMs, open, judge, signal };
      const outcome =
        lines !== null && isRangeRead(request)
          ? await exchangeDirectly(request, lines, options)
          : await exchange(request, options);
      // A server's own 407 is not about a proxy.
      if (proxy !== null && outcome.kind === "other" && outcome.answer.status === 407)
        throw wantsProxyUser(call.path);
      return outcome;
    } finally {
      release();
    }
  }

  #storeOf({ host }: URL): Store {
    const known = this.#stores.get(host);
    if (known !== undefined) return known;
    const limits = { slots: this.#atOnce, waiting: Number.MAX_SAFE_INTEGER };
    const store = {
      budget: new RetryBudget(),
      slots: new Slots("requests", limits),
    };
    this.#stores.set(host, store);
    const [oldest] = this.#stores.keys();
    if (this.#stores.size > MOST_STORES && oldest !== undefined) this.#stores.delete(oldest);
    return store;
  }
}

/** Checks for a read of a range, whose response has a known length and may be long. */
function isRangeRead({ method, headers }: HttpRequest): boolean {
  return method === "GET" && headers.range !== undefined;
}

function isRead({ method }: HttpRequest): boolean {
  return method === "GET" || method === "HEAD";
}

function asMeant<T>(reader: BodyReader<T>): BodyReader<Outcome<T>> {
  return { take: (chunk) => reader.take(chunk), end: () => ({ kind: "meant", value: reader.end() }) };
}

function collected<T>(head: AnswerHead): BodyReader<Outcome<T>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      chunks.push(Uint8Array.from(chunk.subarray(0, MOST_OTHER_BYTES - bytes)));
      bytes += chunk.length;
      return bytes < MOST_OTHER_BYTES ? "more" : "enough";
    },
    end: () => ({ kind: "other", answer: { ...head, body: Buffer.concat(chunks) } }),
  };
}

/** Wraps a request, and counts its body as it is sent. */
function counted(request: HttpRequest, meter: StoreMeter): HttpRequest {
  const { body } = request;
  if (body === undefined) return request;
  return {
    ...request,
    body: {
      bytes: body.bytes,
      async *chunks() {
        for await (const chunk of body.chunks()) {
          yield chunk;
          meter.add("bytesWritten", chunk.length);
        }
      },
    },
  };
}

function counting<T>(meter: StoreMeter, reader: BodyReader<T>): BodyReader<T> {
  return {
    take(chunk) {
      meter.add("bytesRead", chunk.length);
      return reader.take(chunk);
    },
    end: () => reader.end(),
  };
}

function givenUp(
  path: string,
  failure: PassingFailure,
  requested: { readonly store: string; readonly tries: number },
): Error {
  return failed("STORE_FAILED", path, failure.message, {
    fields: { ...failure.fields, ...requested, throttled: failure.isThrottled },
    ...(failure.isThrottled ? { hint: "run fewer workers, or wait: the store throttles requests" } : {}),
    ...(failure.cause === undefined ? {} : { cause: failure.cause }),
  });
}
