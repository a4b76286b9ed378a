import { present } from "../../shared/core/assert.ts";
import { sha256 } from "../../shared/core/digest.ts";
import type { QueueSink, Result } from "../../shared/extension/queue-source.ts";
import { parseSqs, type SqsAddress } from "./address.ts";
import { type BatchEntry, batched } from "./batch.ts";
import { queueFailed, SqsClient } from "./client.ts";

/**
 * Limit of all messages in a call: SQS's earlier limit for a message, which compatible services still have.
 */
const MOST_BYTES = 256 << 10;
/** Limit of the chosen group id. */
const MOST_GROUP_CHARS = 128;

export interface SqsMessage extends Result {
  /** Group of the message in a FIFO queue. Null: a group of its own. */
  readonly groupId: string | null;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Sends to an SQS queue. A FIFO queue drops a message that repeats within five minutes. */
export class SqsSink implements QueueSink {
  readonly #client: SqsClient;
  readonly #closed = new AbortController();

  constructor(address: string) {
    this.#client = new SqsClient(present(parseSqs(address), "the address was checked"));
  }

  get address(): string {
    return this.#client.address.shown;
  }

  async send(results: readonly Result[]): Promise<void> {
    const messages = results.map(({ messageId, body }) => ({
      messageId,
      body,
      groupId: null,
      attributes: { messageId },
    }));
    await sendMessages(this.#client, this.#client.address, messages, this.#closed.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error("the queue is closed"));
    this.#client[Symbol.dispose]();
  }
}

/**
 * Sends messages.
 *
 * @param client sends to `address`, which may be another queue of the same service
 * @throws {QUEUE_FAILED} also when SQS rejects a message. The other messages are sent nevertheless.
 */
export async function sendMessages(
  client: SqsClient,
  address: SqsAddress,
  messages: readonly SqsMessage[],
  signal: AbortSignal,
): Promise<void> {
  const isOrdered = address.queue.endsWith(".fifo");
  const entries = messages.map((message) => entryOf(message, isOrdered));
  const batch = { action: "SendMessageBatch", url: address.url, mostBytes: MOST_BYTES } as const;
  const refusals = await batched(client, batch, entries, signal);
  const refused = refusals.findIndex((refusal) => refusal !== null);
  if (refused >= 0)
    throw queueFailed(address, `message ${messages[refused]?.messageId} was refused: ${refusals[refused]}`);
}

function entryOf({ messageId, groupId, attributes, body }: SqsMessage, isOrdered: boolean): BatchEntry {
  const text = Buffer.from(body)
    .toString("utf8")
    .replace(/[\ufffe\uffff]/g, escaped);
  const names = Object.entries(attributes);
  const MessageAttributes = Object.fromEntries(
    names.map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );
  const digest = sha256(messageId);
  const order = isOrdered
    ? { MessageGroupId: (groupId ?? digest).slice(0, MOST_GROUP_CHARS), MessageDeduplicationId: digest }
    : {};
  return {
    fields: { MessageBody: text, MessageAttributes, ...order },
    bytes: names.reduce((sum, pair) => sum + Buffer.byteLength(pair.join("String")), Buffer.byteLength(text)),
  };
}

/** Escapes a character that XML, and therefore SQS, cannot contain. JSON texts can escape it. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}
