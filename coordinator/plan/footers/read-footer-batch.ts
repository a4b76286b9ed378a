import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { readAhead } from "../../../shared/core/read-ahead.ts";
import { settled } from "../../../shared/core/settled.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { layoutOf } from "../../../shared/dataset/layout.ts";
import { openWithFooter } from "../../../shared/dataset/open-input-file.ts";
import type { Field, FileCut, FileIndex } from "../../../shared/domain/dataset.ts";
import { hasFooter } from "../../../shared/domain/formats.ts";
import { classNamesOf } from "../../../shared/domain/hugging-face.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { END_BYTES, fetchedSource, isSmallFile, tailedSource } from "../../../shared/storage/small-file.ts";
import { type ByteSource, byteSource } from "../../../shared/storage/storage.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FooterRequest } from "./footer-protocol.ts";
import { indexFile } from "./index-file.ts";
import { type FileFooter, SLICE_BYTES } from "./seal-dataset.ts";

/** Files fetched ahead: each read is a round trip to a network file system or a bucket. */
const FILES_AHEAD = 16;

/** Time limit of a fetch. Exceeding it fails all files of a batch, as the store and no file is at fault. */
const FETCH_LIMIT_MS = 40_000;

type Opened = Pick<Storages, "at">;

/** Parts of the request beside the files, see `FooterRequest`. */
type Wanted = Pick<FooterRequest, "named" | "forms">;

type FooterRead =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * Reads the footers of files, in order. Small files, and the ends of large ones, are fetched ahead, many at
 * once. They are parsed one at a time. A failure has INPUT_CHANGED for a file that changed since it was
 * found, INPUT_CORRUPT, INPUT_UNSUPPORTED or a STORE_ code.
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
  return new ShardmillError("STORE_FAILED", `${path} was not read within ${limitMs / 1_000} seconds`, {
    fields: { path },
    problems: [{ where: path, what: `its storage returned nothing for ${limitMs / 1_000} seconds` }],
    hint: "start the job again once its input can be read",
  });
}

async function fetchWhole(storages: Opened, found: FoundFile, signal: AbortSignal): Promise<ByteSource> {
  const { path, bytes, version } = found;
  const read = async () => (await storages.at(path)).read(path, 0, bytes, { version, signal });
  const whole = await orChanged(storages, found, read, signal);
  return fetchedSource(path, whole);
}

/** Fetches the end of a file, which has its footer or most of it. Without a footer, fetches nothing. */
async function fetchEnd(storages: Opened, found: FoundFile, signal: AbortSignal): Promise<ByteSource> {
  const { path, format, bytes, version } = found;
  const source = byteSource(await storages.at(path), path, bytes, version);
  if (!hasFooter(format)) return source;
  const read = () => source.read(bytes - END_BYTES, bytes, signal);
  const tail = await orChanged(storages, found, read, signal);
  return tailedSource(source, tail);
}

/**
 * Returns what `read` returned, if the file is unchanged since it was found. A change also explains a
 * failure, as a half-written file looks corrupt. A storage with versions checks them on each read.
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
  const { path, format, bytes, version, text } = found;
  if (!hasFooter(format))
    return await indexFile(source, found, present(forms[format], "files without a footer have a form"));
  using file = await openWithFooter(source, found, NEVER);
  const { rows, footerSha256, rowGroups } = file;
  const fields = fieldsOf(file.schema);
  return {
    file: { path, format, bytes, version, rows, footerSha256, ...(text === undefined ? {} : { text }) },
    fields,
    rowGroups,
    statistics: named === null ? null : file.statistics(namedIn(named, fields)),
    layout: layoutOf(file.schema),
    classes: classNamesOf(file.schema.metadata),
    ...(text === undefined ? {} : { cut: cutOf(text) }),
  };
}

/** Each slice of a lease carries the index. */
function cutOf(index: FileIndex): FileCut {
  return { isOnePiece: false, slices: Math.ceil(JSON.stringify(index).length / SLICE_BYTES) };
}

/**
 * Returns the columns whose names are in the text, in any case. For SQL this may be too many, but it needs no
 * schema.
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
