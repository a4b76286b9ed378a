import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { readAhead } from "../../../shared/core/read-ahead.ts";
import { settled } from "../../../shared/core/settled.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { layoutOf } from "../../../shared/dataset/layout.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { type Field, isTableFormat } from "../../../shared/domain/dataset.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { END_BYTES, fetchedSource, isSmallFile, tailedSource } from "../../../shared/storage/small-file.ts";
import { type ByteSource, byteSource } from "../../../shared/storage/storage.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FooterRequest } from "./footer-protocol.ts";
import { indexFile } from "./index-file.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** A read is a round trip on a network file system, and in a bucket a long one. */
const FILES_AHEAD = 16;

/** A store that is silent for so long fails all files that are asked for together: none is to blame. */
const FETCH_LIMIT_MS = 40_000;

type Opened = Pick<Storages, "at">;

/** What is wanted beside the footers: see `FooterRequest`. */
type Wanted = Pick<FooterRequest, "named" | "forms">;

type FooterRead =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * The footers of files, in their order, or why there is none: INPUT_CHANGED when a file is no longer as it
 * was found, INPUT_CORRUPT, INPUT_UNSUPPORTED and the STORE_ codes. Small files, and the ends of large ones,
 * are fetched ahead, many at once; parsed is one at a time.
 */
export async function* readFooterBatch(
  storages: Opened,
  files: readonly FoundFile[],
  wanted: Wanted = { named: null, forms: {} },
  limitMs = FETCH_LIMIT_MS,
): AsyncGenerator<FooterRead, void, undefined> {
  const parseOpened = (source: ByteSource, found: FoundFile) => {
    const parse = () => parseFooter(source, found, wanted);
    return isSmallFile(found) ? parse() : orChanged(storages, found, parse, NEVER);
  };
  let silent: ShardmillError | null = null;
  const fetch = async (found: FoundFile) => {
    if (silent !== null) throw silent;
    const signal = AbortSignal.timeout(limitMs);
    try {
      return await (isSmallFile(found) ? fetchWhole : fetchEnd)(storages, found, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      silent ??= isSilent(found, limitMs);
      throw silent;
    }
  };
  const opened = readAhead(files, FILES_AHEAD, async (found) => ({
    found,
    source: await settled(fetch(found)),
  }));
  for await (const { found, source } of opened) {
    if (source.kind === "failed") yield source;
    else yield await settledRead(parseOpened(source.value, found));
  }
}

async function settledRead(work: Promise<FileFooter>): Promise<FooterRead> {
  const result = await settled(work);
  return result.kind === "failed" ? result : { kind: "read", footer: result.value };
}

function isSilent({ path }: FoundFile, limitMs: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} is not read within ${limitMs / 1_000} seconds`, {
    fields: { path },
    problems: [{ where: path, what: `its storage gives nothing for ${limitMs / 1_000} seconds` }],
    hint: "start the job again once its input can be read",
  });
}

async function fetchWhole(storages: Opened, found: FoundFile, signal: AbortSignal): Promise<ByteSource> {
  const { path, bytes, version } = found;
  const read = async () => (await storages.at(path)).read(path, 0, bytes, { version, signal });
  const whole = await orChanged(storages, found, read, signal);
  return fetchedSource(path, whole);
}

/** Where the footer lies, or most of one. Without a footer, no part counts more than the rest. */
async function fetchEnd(storages: Opened, found: FoundFile, signal: AbortSignal): Promise<ByteSource> {
  const { path, format, bytes, version } = found;
  const source = byteSource(await storages.at(path), path, bytes, version);
  if (!isTableFormat(format)) return source;
  const read = () => source.read(bytes - END_BYTES, bytes, signal);
  const tail = await orChanged(storages, found, read, signal);
  return tailedSource(source, tail);
}

/**
 * What was read counts if the file is still as it was found; and one that is being written looks corrupt, or
 * cut short. A storage that looks at versions has looked at it with each read.
 */
async function orChanged<T>(
  storages: Opened,
  found: FoundFile,
  read: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const result = await settled(read());
  const { can } = await storages.at(found.path);
  if (!can.versions || result.kind === "failed") await refuseChanged(storages, found, signal);
  if (result.kind === "failed") throw result.error;
  return result.value;
}

async function parseFooter(
  source: ByteSource,
  found: FoundFile,
  { named, forms }: Wanted,
): Promise<FileFooter> {
  const { path, format, bytes, version } = found;
  if (!isTableFormat(format))
    return await indexFile(source, found, present(forms[format], "files without a footer have a form"));
  using file = await openDatasetFile(source, format, NEVER);
  const { rows, footerSha256, rowGroups } = file;
  const fields = fieldsOf(file.schema);
  return {
    file: { path, format, bytes, version, rows, footerSha256 },
    fields,
    rowGroups,
    statistics: named === null ? null : file.statistics(namedIn(named, fields)),
    layout: layoutOf(file.schema),
  };
}

/**
 * The columns that a text can name: those whose names are in it, as they are or in other case. Of SQL that is
 * more than it names, and found before there is a schema to read it by.
 */
function namedIn(named: string, fields: readonly Field[]): Field[] {
  const text = named.toLowerCase();
  return fields.filter(({ name }) => text.includes(name.toLowerCase().replaceAll('"', '""')));
}

async function refuseChanged(storages: Opened, found: FoundFile, signal: AbortSignal): Promise<void> {
  const { path, bytes, version } = found;
  const storage = await storages.at(path);
  const now = await storage.stat(path, signal).catch((error: unknown) => {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
    throw error;
  });
  if (now?.bytes === bytes && now.version === version) return;
  const what = now === null ? "was removed" : "changed";
  throw new ShardmillError("INPUT_CHANGED", `${path} ${what} while the job was being planned`, {
    fields: { path, bytes, bytesNow: now?.bytes ?? -1 },
    problems: [{ where: path, what: `${what} while the job was being planned` }],
    hint: "start the job once nothing writes to its input any more",
  });
}
