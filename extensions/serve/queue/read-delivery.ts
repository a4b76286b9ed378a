import { createHash } from "node:crypto";
import { present } from "../../../shared/core/assert.ts";
import type { NamedFile, ReadNotice } from "../../../shared/extension/notice.ts";
import type { Delivery } from "../../../shared/extension/queue-source.ts";
import type { QueueTrigger } from "../spec/queue-spec.ts";
import type { Message } from "./gatherer.ts";
import { invalidReason } from "./messages/problem.ts";
import { type MessageRow, readMessage } from "./messages/read-message.ts";

/** Element of a window: a row or a file. */
export type Item = MessageRow | NamedFile;

type ReadDelivery =
  | { readonly kind: "message"; readonly message: Message<Item> }
  /** Valid message without rows or files, such as a store's test. */
  | { readonly kind: "nothing" }
  | { readonly kind: "invalid"; readonly reason: string };

/** Bytes of sha256 in a key. Among ten billion keys, a collision has a probability of about 10^-19. */
const KEY_BYTES = 16;

/** Reads the rows or files of a delivery, and its message's key. */
export function readDelivery(
  trigger: QueueTrigger,
  delivery: Delivery,
  notices: readonly ReadNotice[],
): ReadDelivery {
  const { message: kind, columns } = trigger;
  const read = readMessage(kind === "files" ? { kind, notices } : { kind, columns }, delivery.body);
  switch (read.kind) {
    case "invalid":
      return { kind: "invalid", reason: invalidReason(read.problem) };
    case "nothing":
      return { kind: "nothing" };
    case "files":
      return { kind: "message", message: { key: keyOfFiles(delivery, read.files), items: read.files } };
    case "rows": {
      const key = keyOfRows(trigger, delivery, read.rows);
      if (key === null) return { kind: "invalid", reason: `MESSAGE_INVALID: the key ${trigger.key} is null` };
      return { kind: "message", message: { key, items: read.rows } };
    }
    default:
      return read satisfies never;
  }
}

function keyOfRows(
  { key, columns }: QueueTrigger,
  delivery: Delivery,
  rows: readonly MessageRow[],
): string | null {
  if (key === null) return keyOfBroker(delivery);
  const value = present(rows[0], "a message with a key is one row")[[...columns.keys()].indexOf(key)] ?? null;
  return value === null ? null : digest("key", JSON.stringify(value, bigText));
}

/**
 * Returns a key of the object versions if all are known. A store may send two notices of one object, with
 * different message ids.
 */
function keyOfFiles(delivery: Delivery, files: readonly NamedFile[]): string {
  if (files.some(({ version }) => version === null)) return keyOfBroker(delivery);
  return digest("files", JSON.stringify(files.map(({ path, version }) => [path, version])));
}

function keyOfBroker({ messageId, body }: Delivery): string {
  return messageId === null ? digest("body", body) : digest("id", messageId);
}

/** Hashes with the kind, because an id may equal a key. */
function digest(kind: string, of: string | Uint8Array): string {
  const hash = createHash("sha256").update(`${kind}\0`).update(of).digest();
  return hash.subarray(0, KEY_BYTES).toString("base64url");
}

function bigText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
