import { Schema } from "apache-arrow";
import { assert } from "../../shared/core/assert.ts";
import type { PieceLimits } from "../../shared/dataset/cut-rows.ts";
import type { DatasetFile, IpcMessage } from "../../shared/dataset/dataset-file.ts";
import { batchBuffers } from "../../shared/dataset/free-batch.ts";
import { batchMessages, schemaMessage } from "../../shared/dataset/ipc-messages.ts";
import { plainBatch } from "../../shared/dataset/plain-batch.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import type { FlightPart } from "./flight.ts";
import { buffersOf, type OpenPart, openPart } from "./open-part.ts";
import { ReadMemory } from "./read-memory.ts";

/**
 * Limits of an encoded message, except for a larger single row. Rust and Go clients accept 4 MiB by default,
 * and larger messages were not faster.
 */
const MESSAGE: PieceLimits = { rows: 65_536, bytes: 1.5 * (1 << 20) };

/**
 * Limit of a body that is forwarded unchanged: nearly the clients' limit, less the metadata. Ten thousand
 * columns have metadata of half a MiB. Re-encoding takes twice the CPU time of forwarding.
 */
const PASSED_BYTES = 3.25 * (1 << 20);

/** Reads the schema of a part, as an IPC message's metadata. Reads the footer only. */
export async function readSchema(
  storages: Storages,
  part: FlightPart,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using memory = new ReadMemory();
  using opened = await openPart(part, { storages, memory, signal });
  return schemaOf(opened.file);
}

/**
 * Streams parts of one flight as IPC messages: the schema, then the rows in order. A message's body is valid
 * until the next message is requested. All rows of a part come from the file that was opened.
 *
 * @throws {STORE_CHANGED} when a file is not the published one, or changes during the read
 * @throws the errors of reading it
 */
export async function* partMessages(
  storages: Storages,
  parts: readonly FlightPart[],
  signal: AbortSignal,
): AsyncGenerator<IpcMessage, void, undefined> {
  using memory = new ReadMemory();
  let schema: Uint8Array | null = null;
  for (const part of parts) {
    using opened = await openPart(part, { storages, memory, signal });
    const { file } = opened;
    await opened.check();
    const own = schemaOf(file);
    if (schema === null) yield { header: own, body: [] };
    else assert(Buffer.compare(own, schema) === 0, "all parts of a flight have one schema");
    schema ??= own;
    yield* passesOn(file) ? opened.messages() : encoded(opened, memory);
  }
}

/** Reads rows and encodes them. Files with large or dictionary batches, or in another format, need this. */
async function* encoded(
  { file, batches, check }: OpenPart,
  memory: ReadMemory,
): AsyncGenerator<IpcMessage, void, undefined> {
  for await (const batch of batches(file.schema.fields.map(({ name }) => name))) {
    // The check precedes the first sent row of the batch.
    await check();
    const plain = plainBatch(batch);
    const shared = batchBuffers(plain);
    for (const message of batchMessages(plain, MESSAGE)) {
      yield message;
      memory.free(buffersOf(message).filter((buffer) => !shared.has(buffer)));
    }
    memory.free(shared);
  }
}

/**
 * Returns true when a file's record batches can be forwarded unchanged as messages. Each must be small
 * enough, and none may need a dictionary, which would be another message.
 */
function passesOn(file: DatasetFile): boolean {
  if (file.messages === undefined) return false;
  const isPlain = file.schema.fields.every((field) => plainField(field) === field);
  return isPlain && file.rowGroups.every(({ bytes }) => bytes <= PASSED_BYTES);
}

function schemaOf({ schema }: DatasetFile): Uint8Array {
  return schemaMessage(new Schema(schema.fields.map(plainField), schema.metadata));
}
