import { type RecordBatch, Schema } from "apache-arrow";
import { assert } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import type { PieceLimits } from "../../shared/dataset/cut-rows.ts";
import type { DatasetFile, IpcMessage } from "../../shared/dataset/dataset-file.ts";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import { batchMessages, schemaMessage } from "../../shared/dataset/ipc-messages.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { withPartitions } from "../../shared/dataset/partitioned-file.ts";
import { plainBatch } from "../../shared/dataset/plain-batch.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { FlightPart } from "./flight.ts";

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

const NOTHING = new Uint8Array();

/** Reads the schema of a part, as an IPC message's metadata. Reads the footer only. */
export async function readSchema(
  storages: Storages,
  part: FlightPart,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using opened = await openPart(storages, part, signal);
  return schemaOf(opened.file);
}

/**
 * Streams parts of one flight as IPC messages: the schema, then the rows in order. A message's body is freed
 * when the next message is requested. All rows of a part come from the file that was opened.
 *
 * @throws {STORE_CHANGED} when a file is not the published one, or changes during the read
 * @throws the errors of reading it
 */
export async function* partMessages(
  storages: Storages,
  parts: readonly FlightPart[],
  signal: AbortSignal,
): AsyncGenerator<IpcMessage, void, undefined> {
  let schema: Uint8Array | null = null;
  for (const part of parts) {
    using opened = await openPart(storages, part, signal);
    const { file } = opened;
    await opened.check();
    const own = schemaOf(file);
    if (schema === null) yield { header: own, body: NOTHING };
    else assert(Buffer.compare(own, schema) === 0, "all parts of a flight have one schema");
    schema ??= own;
    yield* passesOn(file) ? opened.messages() : encoded(opened);
  }
}

/** Reads rows and encodes them. Files with large or dictionary batches, or in another format, need this. */
async function* encoded({ file, batches, check }: OpenPart): AsyncGenerator<IpcMessage, void, undefined> {
  for await (const batch of batches(file.schema.fields.map(({ name }) => name))) {
    // The check precedes the first sent row of the batch.
    await check();
    const plain = plainBatch(batch);
    for (const message of batchMessages(plain, MESSAGE)) {
      yield message;
      if (message.body.buffer instanceof ArrayBuffer) freeBuffers([message.body.buffer]);
    }
    freeBatch(plain);
  }
}

/**
 * Returns true when a file's record batches can be forwarded unchanged as messages. Each must be small
 * enough, and none may need a dictionary, which would be another message.
 */
function passesOn(file: DatasetFile): boolean {
  if (file.message === undefined) return false;
  const isPlain = file.schema.fields.every((field) => plainField(field) === field);
  return isPlain && file.rowGroups.every(({ bytes }) => bytes <= PASSED_BYTES);
}

function schemaOf({ schema }: DatasetFile): Uint8Array {
  return schemaMessage(new Schema(schema.fields.map(plainField), schema.metadata));
}

interface OpenPart extends Disposable {
  readonly file: DatasetFile;
  /** Reads all rows. A file that was replaced meanwhile throws STORE_CHANGED, whatever its new content is. */
  batches(columns: readonly string[]): AsyncGenerator<RecordBatch, void, undefined>;
  /** Reads the row groups unchanged: see `passesOn`. */
  messages(): AsyncGenerator<IpcMessage, void, undefined>;
  /**
   * Checks that all rows so far come from the opened file.
   *
   * @throws {STORE_CHANGED} when they may not
   */
  check(): Promise<void>;
}

async function openPart(storages: Storages, part: FlightPart, signal: AbortSignal): Promise<OpenPart> {
  const { location, bytes, format, partitions } = part;
  const storage = await storages.at(location);
  const { bytes: found, version } = await storage.stat(location, signal);
  if (found !== bytes) throw changed(part, found);
  const own = await openDatasetFile(byteSource(storage, location, bytes, version), format, signal);
  const file = partitions.length === 0 ? own : withPartitions(own, partitions);
  const check = async () => {
    // A store with versions checks them in each read.
    if (storage.can.versions) return;
    const now = await storage.stat(location, signal);
    if (now.version !== version || now.bytes !== bytes) throw changed(part, now.bytes);
  };
  return {
    file,
    async *batches(columns) {
      try {
        yield* file.read({ rowStart: 0, rowEnd: file.rows, columns, signal });
      } catch (error) {
        await check();
        throw error;
      }
    },
    async *messages() {
      const read = (group: number) => {
        const message = group < file.rowGroups.length ? file.message?.(group, signal) : undefined;
        // The error is rethrown at its turn.
        message?.catch(() => {});
        return message;
      };
      try {
        for (let group = 0, next = read(0); next !== undefined; group += 1) {
          const message = await next;
          next = read(group + 1);
          await check();
          yield message;
        }
      } catch (error) {
        await check();
        throw error;
      }
    },
    check,
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

function changed({ location, bytes }: FlightPart, found: number): ShardmillError {
  return new ShardmillError("STORE_CHANGED", `${location} is not the file that was published`, {
    fields: { path: location, expected: bytes, found },
    hint: "get the flight's info again, and read the whole flight again",
  });
}
