import { isIP } from "node:net";
import { type Channel, Connection } from "rabbitmq-client";
import { deferred, sleep } from "../../shared/core/abort.ts";
import { assert } from "../../shared/core/assert.ts";
import { messageOf, type ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { tlsTo } from "../broker/tls.ts";
import type { AmqpAddress } from "./address.ts";
import { isRefusal, queueFailed, refusedUnheard } from "./refusal.ts";

/** Heartbeat interval, RabbitMQ's default. The library closes a connection that is silent for half of it. */
const HEARTBEAT_SECONDS = 60;
/** Delays between attempts to connect. The first is short, for a broker that restarts. */
const RETRY = { lowMs: 200, highMs: 10_000 } as const;
/**
 * Limit of an orderly close, which never completes on a lost connection or while channels are being opened.
 */
const CLOSE_MS = 3_000;

/** Private hook of the library. It is the only place that has the reason of a failed attempt to connect. */
interface Resettable {
  _reset?: (error: unknown) => void;
}

/** Private hook of the library's channel. It decodes a body by its content type. */
interface HeaderReader {
  _onHeader?: (frame: { readonly fields: { contentType?: string } }) => void;
}

/**
 * Connection that opens with the first channel and reconnects after each loss. It logs the first failure of
 * each outage.
 */
export class AmqpConnection implements AsyncDisposable {
  readonly #address: AmqpAddress;
  readonly #purpose: string;
  readonly #log: Logger;
  #connection: Connection | null = null;
  #wasThere = false;
  #isClosed = false;
  /** Error of the last attempt. Null: connected, or never attempted. */
  #failure: unknown = null;
  /** Rejects the callers that wait for a channel. */
  readonly #refused = new Set<(refusal: ShardmillError) => void>();

  /** @param purpose part of the connection name, which the broker shows */
  constructor(address: AmqpAddress, purpose: string, log: Logger) {
    this.#address = address;
    this.#purpose = purpose;
    this.#log = log;
  }

  /**
   * Opens a channel that returns bodies as raw bytes. The library would parse JSON bodies, and large numbers
   * would lose their last digits for good.
   *
   * @throws {QUEUE_FAILED} as soon as the broker refuses the address
   * @throws {TLS_INVALID} when the TLS files cannot be used
   * @throws the library's error when the failure may be temporary
   */
  async openChannel(): Promise<Channel> {
    this.#connection ??= this.#connect();
    const refused = deferred<never>();
    this.#refused.add(refused.reject);
    const acquired = this.#connection.acquire({ emitErrorsFromChannel: true });
    try {
      return readsBytes(await Promise.race([acquired, refused.promise]));
    } catch (error) {
      // The caller has stopped waiting, so the late channel is closed.
      acquired.then((channel) => channel.close()).catch(() => {});
      // The library's own error reports only a timeout.
      throw this.#failure ?? error;
    } finally {
      this.#refused.delete(refused.reject);
    }
  }

  /** Closes a connection whose channels are already closed. */
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
    // The server name lets a host of several servers choose. RFC 6066 forbids IP addresses here.
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
      this.#log.warn(about, "no connection to a queue, reconnecting");
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
