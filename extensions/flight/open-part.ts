import type { RecordBatch } from "apache-arrow";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { DatasetFile, IpcMessage } from "../../shared/dataset/dataset-file.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { withPartitions } from "../../shared/dataset/partitioned-file.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import type { FlightPart } from "./flight.ts";
import type { ReadMemory } from "./read-memory.ts";

/** Limit of one read, except for a larger row group. Each read also costs a check of the file. */
const READ_BYTES = 4 << 20;

/** Access to the files of a stream. */
interface PartAccess {
  readonly storages: Storages;
  readonly memory: ReadMemory;
  readonly signal: AbortSignal;
}

/** Open file of a flight. */
export interface OpenPart extends Disposable {
  readonly file: DatasetFile;
  /** Reads all rows. A file that was replaced meanwhile throws STORE_CHANGED, whatever its new content is. */
  batches(columns: readonly string[]): AsyncGenerator<RecordBatch, void, undefined>;
  /**
   * Reads the row groups unchanged, if the file has IPC messages. Reads one ahead. The memory of a message is
   * used again when the next one is requested.
   */
  messages(): AsyncGenerator<IpcMessage, void, undefined>;
  /**
   * Checks that all rows so far come from the opened file.
   *
   * @throws {STORE_CHANGED} when they may not
   */
  check(): Promise<void>;
}

export async function openPart(part: FlightPart, access: PartAccess): Promise<OpenPart> {
  const { location, bytes, format, partitions } = part;
  const { storages, memory, signal } = access;
  const storage = await storages.at(location);
  const { bytes: found, version } = await storage.stat(location, signal);
  if (found !== bytes) throw changed(part, found);
  const allocate = (size: number) => memory.allocate(size);
  const source = {
    path: location,
    bytes,
    read: (start: number, end: number) => storage.read(location, start, end, { version, allocate, signal }),
  };
  const own = await openDatasetFile(source, format, signal);
  const file = partitions.length === 0 ? own : withPartitions(own, partitions);
  const check = async () => {
    // A store with versions checks them in each read.
    if (storage.can.versions) return;
    const now = await storage.stat(location, signal);
    if (now.version !== version || now.bytes !== bytes) throw changed(part, now.bytes);
  };
  async function* checkingFailures<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* items;
    } catch (error) {
      await check();
      throw error;
    }
  }
  return {
    file,
    batches: (columns) => checkingFailures(file.read({ rowStart: 0, rowEnd: file.rows, columns, signal })),
    messages: () => checkingFailures(messagesOf(file, check, access)),
    check,
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

async function* messagesOf(
  file: DatasetFile,
  check: () => Promise<void>,
  { memory, signal }: PartAccess,
): AsyncGenerator<IpcMessage, void, undefined> {
  const read = (group: number) => {
    const next = group < file.rowGroups.length ? file.messages?.(group, READ_BYTES, signal) : undefined;
    // The error is rethrown at its turn.
    next?.messages.catch(() => {});
    return next;
  };
  for (let next = read(0); next !== undefined; ) {
    const messages = await next.messages;
    next = read(next.end);
    await check();
    yield* messages;
    memory.free(messages.flatMap(buffersOf));
  }
}

/** Returns the memory of a message's body. */
export function buffersOf({ body }: IpcMessage): ArrayBuffer[] {
  return body.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
}

function changed({ location, bytes }: FlightPart, found: number): ShardmillError {
  return new ShardmillError("STORE_CHANGED", `${location} is not the file that was published`, {
    fields: { path: location, expected: bytes, found },
    hint: "get the flight's info again, and read the whole flight again",
  });
}
