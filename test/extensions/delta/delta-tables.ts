import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";

/** Table of generated logs. Its data files are not read. */
export const TABLE = parseLocation("/lake/table");

const LONG = { name: "id", type: "long", nullable: true, metadata: {} };
const PART = { name: "part", type: "string", nullable: true, metadata: {} };

export const PROTOCOL = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };

export const METADATA = metadata([LONG, PART], ["part"]);

/** Action with a schema. */
export function metadata(
  fields: readonly unknown[],
  partitionColumns: readonly string[] = [],
  configuration: Readonly<Record<string, string>> = {},
) {
  const schemaString = JSON.stringify({ type: "struct", fields });
  const format = { provider: "parquet", options: {} };
  return { metaData: { id: "1", format, schemaString, partitionColumns, configuration } };
}

/** Action that adds a file of {@link SIZE} bytes. */
export function add(path: string, more: object = {}) {
  const facts = { path, size: SIZE, partitionValues: { part: "a" }, modificationTime: 0, dataChange: true };
  return { add: { ...facts, ...more } };
}

export function remove(path: string) {
  return { remove: { path, deletionTimestamp: 0, dataChange: true } };
}

/** Bytes of each data file. */
export const SIZE = 10;

export function commitName(version: number): string {
  return `${String(version).padStart(20, "0")}.json`;
}

/** Files of a log, by name: actions, or the text itself. */
export type Log = Readonly<Record<string, readonly unknown[] | string>>;

/** Stores a log, and data files of `SIZE` bytes. */
export async function storeTable(log: Log, files: readonly string[] = []): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const put = (path: string, text: string) => putFile(storage, path, text);
  for (const [name, content] of Object.entries(log))
    await put(`_delta_log/${name}`, typeof content === "string" ? content : linesOf(content));
  for (const file of files) await put(file, "x".repeat(SIZE));
  return storage;
}

/** Replaces a commit. */
export async function putCommit(storage: MemoryStorage, version: number, actions: readonly unknown[]) {
  await putFile(storage, `_delta_log/${commitName(version)}`, linesOf(actions));
}

async function putFile(storage: MemoryStorage, path: string, text: string): Promise<void> {
  const location = parseLocation(`${TABLE}/${path}`);
  await storage.put(location, sourceOfBytes(Buffer.from(text)), { signal: NEVER });
}

function linesOf(actions: readonly unknown[]): string {
  return actions.map((action) => `${JSON.stringify(action)}\n`).join("");
}
