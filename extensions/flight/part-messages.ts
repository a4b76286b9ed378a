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
 * A message that is made has so much at most, but for a row that alone has more: clients in Rust and Go take
 * 4 MiB unless told otherwise, and larger ones were no faster.
 */
const MESSAGE: PieceLimits = { rows: 65_536, bytes: 1.5 * (1 << 20) };

/**
 * The body of one that is passed on as it stands: nearly what those clients take, beside its metadata, which
 * of ten thousand columns has half a MiB. To cut it costs twice the CPU time of sending it.
 */
const PASSED_BYTES = 3.25 * (1 << 20);

const NOTHING = new Uint8Array();

/** The schema of a part, as an IPC message's metadata. Reads its footer alone. */
export async function readSchema(
  storages: Storages,
  part: FlightPart,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using opened = await openPart(storages, part, signal);
  return schemaOf(opened.file);
}

/**
 * Parts of one flight as a stream of IPC messages: the schema, then their rows in order. A message's body is
 * freed when the next one is asked for. All rows of a part are of the file that was there when it was opened.
 *
 * @throws {STORE_CHANGED} when a file is not the one that was published, or becomes another while it is read,
 * and what reading it throws
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

/** Rows that are cut, or are not written as they are sent: read, and written anew. */
async function* encoded({ file, batches, check }: OpenPart): AsyncGenerator<IpcMessage, void, undefined> {
  for await (const batch of batches(file.schema.fields.map(({ name }) => name))) {
    // Before any row of it is sent.
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
 * Whether a file's record batches are messages as they stand: each small enough, and none that needs a
 * dictionary, which would be a message of its own. Their bytes are those that were published.
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
  /** All rows. One that is no longer the file that was opened is told as that, however it looks now. */
  batches(columns: readonly string[]): AsyncGenerator<RecordBatch, void, undefined>;
  /** Its row groups as they stand in it: see `passesOn`. */
  messages(): AsyncGenerator<IpcMessage, void, undefined>;
  /** What was read so far is of the file that was opened. @throws {STORE_CHANGED} */
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
    // Else each read has looked at the version.
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
        // Its failure is seen when its turn comes.
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
    hint: "ask for the flight's info again, and read all of it anew",
  });
}
