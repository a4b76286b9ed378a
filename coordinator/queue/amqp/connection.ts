import { type Channel, Connection } from "rabbitmq-client";
import { sleep } from "../../../shared/core/abort.ts";
import { assert } from "../../../shared/core/assert.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import type { QueueAddress } from "../../../shared/domain/queue-address.ts";

export type AmqpAddress = Extract<QueueAddress, { kind: "amqp" }>;

/** Half of it without a sign of life ends a connection; RabbitMQ's own is as long. */
const HEARTBEAT_SECONDS = 60;
/** Between two tries to connect: the first soon, for a broker that is restarted. */
const RETRY = { lowMs: 200, highMs: 10_000 } as const;

/**
 * A connection that is made again whenever it is lost. The first loss of each time is logged.
 *
 * @param purpose is seen by whoever looks at the broker
 */
export function connect({ server, shown }: AmqpAddress, purpose: string, log: Logger): Connection {
  const connection = new Connection({
    url: server,
    connectionName: `shardmill ${purpose}`,
    heartbeat: HEARTBEAT_SECONDS,
    retryLow: RETRY.lowMs,
    retryHigh: RETRY.highMs,
    noDelay: true,
  });
  connection.on("error", (error: unknown) => {
    log.warn(
      { queue: shown, reason: messageOf(error) },
      "the connection to a queue was lost; it is made again",
    );
  });
  return connection;
}

/** What of the library's channel makes other things of a body than bytes, by its content type. */
interface HeaderReader {
  _onHeader?: (frame: { readonly fields: { contentType?: string } }) => void;
}

/** Of a connection that is lost, or to which channels are still being opened, there is no orderly end. */
const CLOSE_MS = 3_000;

/** Ends a connection whose channels are closed. */
export async function disconnect(connection: Connection): Promise<void> {
  const late = new AbortController();
  await Promise.race([connection.close(), sleep(CLOSE_MS, late.signal).catch(() => {})]);
  late.abort();
  connection.unsafeDestroy();
}

/**
 * A channel that leaves bodies as the bytes that they are. The library parses those of JSON, in which numbers
 * lose their last digits, and which are not to be had again.
 */
export async function openChannel(connection: Connection): Promise<Channel> {
  const channel = await connection.acquire({ emitErrorsFromChannel: true });
  const reader = channel as unknown as HeaderReader;
  const read = reader._onHeader?.bind(channel);
  assert(read !== undefined, "rabbitmq-client reads headers as it did in 5.0");
  reader._onHeader = (frame) => {
    delete frame.fields.contentType;
    read(frame);
  };
  return channel;
}

/** What a broker says of what is not there, or is not for us: that does not mend itself. */
const REFUSALS = new Set(["NOT_FOUND", "ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED"]);

export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error) ?? "");
}

export function queueFailed({ shown }: AmqpAddress, cause: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the queue cannot be used: ${messageOf(cause)}`, {
    fields: { queue: shown },
    hint: "queues are not made by Shardmill: declare it first, and let the user of the address read and write it",
    cause,
  });
}
