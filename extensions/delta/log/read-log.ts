import { parseJson } from "../../../shared/core/parse-json.ts";
import type { Location } from "../../../shared/domain/location.ts";
import { below } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readChunks } from "../../../shared/storage/whole-file.ts";
import { shown } from "../../lake/table-error.ts";
import { type ActionPlace, type LogAction, readAction } from "./actions.ts";
import { logCorrupt } from "./log-error.ts";

/** Limit of a line, which has one action. Those with statistics of a thousand columns are a tenth of it. */
const MOST_LINE_BYTES = 16 << 20;

const NEWLINE = 0x0a;

/** Action of a file of the log, with its place. */
export interface PlacedAction {
  readonly action: LogAction;
  readonly place: ActionPlace;
}

export type LogStorage = Pick<Storage, "stat" | "read" | "list">;

/**
 * Yields the actions of a file of the log, line by line, in bounded memory.
 *
 * @throws {INPUT_CORRUPT} and the STORE_ codes
 */
export async function* readActions(
  path: Location,
  storage: LogStorage,
  signal: AbortSignal,
): AsyncGenerator<PlacedAction, void, undefined> {
  const file = await storage.stat(path, signal);
  let number = 0;
  for await (const line of linesOf(readChunks(storage, path, file, signal), path)) {
    number += 1;
    const text = line.toString("utf8").trim();
    if (text === "") continue;
    const place = { path, where: `line ${number}` };
    const value = parseJson(text);
    if (value === undefined) throw logCorrupt({ ...place, expected: "JSON", found: shown(text) });
    const action = readAction(value, place);
    if (action !== null) yield { action, place };
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer) => {
    bytes += part.length;
    if (bytes > MOST_LINE_BYTES)
      throw logCorrupt({ path, where: "lines", expected: `at most ${MOST_LINE_BYTES} bytes`, found: "more" });
    // A copy, because the chunk is freed.
    parts.push(Buffer.from(part));
  };
  for await (const chunk of chunks) {
    const all = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, start)) {
      keep(all.subarray(start, end));
      yield Buffer.concat(parts);
      parts = [];
      bytes = 0;
      start = end + 1;
    }
    keep(all.subarray(start));
  }
  yield Buffer.concat(parts);
}

/** Lists the names in the folder of a log. */
export async function namesOfLog(
  log: Location,
  storage: LogStorage,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of storage.list(below(log), { signal }))
    for (const { name } of page) names.push(name);
  return names;
}
