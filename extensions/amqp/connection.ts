import { isIP } from "node:net";
import { type Channel, Connection } from "rabbitmq-client";
import { deferred, sleep } from "../../shared/core/abort.ts";
import { assert } from "../../shared/core/assert.ts";
import { messageOf, type ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { tlsTo } from "../broker/tls.ts";
import type { AmqpAddress } from "./address.ts";
import { isRefusal, queueFailed, refusedUnheard } from "./refusal.ts";

/** Half of it without a sign of life ends a connection; RabbitMQ's own is as long. */
const HEARTBEAT_SECONDS = 60;
/** Between two tries to connect: the first soon, for a broker that is restarted. */
const RETRY = { lowMs: 200, highMs: 10_000 } as const;
/** Of a connection that is lost, or to which channels are still being opened, there is no orderly end. */
const CLOSE_MS = 3_000;

/** What the library tells nobody: why each try to connect failed. */
interface Resettable {
  _reset?: (error: unknown) => void;
}

/** What of the library's channel makes other things of a body than bytes, by its content type. */
interface HeaderReader {
  _onHeader?: (frame: { readonly fields: { contentType?: string } }) => void;
}

/**
 * A connection that is made when a channel is asked for, and again whenever it is lost. The first loss of
 * each time is logged.
 */
export class AmqpConnection implements AsyncDisposable {
  readonly #address: AmqpAddress;
  readonly #purpose: string;
  readonly #log: Logger;
  #connection: Connection | null = null;
  #wasThere = false;
  #isClosed = false;
  /** Of the last try; null when there is a connection, or none was tried. */
  #failure: unknown = null;
  /** Of whoever waits for a channel. */
  readonly #refused = new Set<(refusal: ShardmillError) => void>();

  /** @param purpose is seen by whoever looks at the broker */
  constructor(address: AmqpAddress, purpose: string, log: Logger) {
    this.#address = address;
    this.#purpose = purpose;
    this.#log = log;
  }

  /**
   * A channel that leaves bodies as the bytes that they are. The library parses those of JSON, in which
   * numbers lose their last digits, and which are not to be had again.
   *
   * @throws {QUEUE_FAILED} when the broker lets nobody in by this address, as soon as it says so;
   * {TLS_INVALID}; what the library says for what may pass
   */
  async openChannel(): Promise<Channel> {
    this.#connection ??= this.#connect();
    const refused = deferred<never>();
    this.#refused.add(refused.reject);
    const acquired = this.#connection.acquire({ emitErrorsFromChannel: true });
    try {
      return readsBytes(await Promise.race([acquired, refused.promise]));
    } catch (error) {
      // Nobody waits for it any more.
      acquired.then((channel) => channel.close()).catch(() => {});
      // What the library says is that it took too long.
      throw this.#failure ?? error;
    } finally {
      this.#refused.delete(refused.reject);
    }
  }

  /** Ends a connection whose channels are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const connection = this.#connection;
    if (connection === null) return;
    const late = new AbortController();
    await Promise.race([connection.close(), sleep(CLOSE_MS, late.signal).catch(() => {})]);
    late.abort();
    connection.unsafeDestroy();
  }

  #connect(): Connection {
    const { server, host, isEncrypted, options } = this.#address;
    // A name is sent so that a server of many can choose; an address may not be (RFC 6066).
    const names = isIP(host) === 0 && !host.startsWith("[") ? { servername: host } : {};
    const connection = new Connection({
      url: server,
      connectionName: `shardmill ${this.#purpose}`,
      heartbeat: HEARTBEAT_SECONDS,
      retryLow: RETRY.lowMs,
      retryHigh: RETRY.highMs,
      noDelay: true,
      ...(isEncrypted ? { tls: Object.assign(tlsTo(options), names) } : {}),
    });
    connection.on("error", () => {});
    connection.on("connection", () => {
      this.#wasThere = true;
      this.#failure = null;
    });
    const hooks = connection as unknown as Resettable;
    const reset = hooks._reset?.bind(connection);
    assert(reset !== undefined, "rabbitmq-client resets connections as it did in 5.0");
    hooks._reset = (error) => {
      if (!this.#isClosed) this.#fail(error);
      reset(error);
    };
    return connection;
  }

  #fail(error: unknown): void {
    const isFirst = this.#failure === null;
    const refusal = this.#refusalOf(error);
    this.#failure = refusal ?? error;
    if (refusal !== null) for (const reject of this.#refused) reject(refusal);
    else if (isFirst) {
      const about = { queue: this.#address.shown, reason: messageOf(error) };
      this.#log.warn(about, "there is no connection to a queue; it is made again");
    }
  }

  #refusalOf(error: unknown): ShardmillError | null {
    if (isRefusal(error, this.#address)) return queueFailed(this.#address, error);
    return this.#wasThere ? null : refusedUnheard(this.#address, error);
  }
}

function readsBytes(channel: Channel): Channel {
  const reader = channel as unknown as HeaderReader;
  const read = reader._onHeader?.bind(channel);
  assert(read !== undefined, "rabbitmq-client reads headers as it did in 5.0");
  reader._onHeader = (frame) => {
    delete frame.fields.contentType;
    read(frame);
  };
  return channel;
}
