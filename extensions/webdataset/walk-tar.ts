import { crc32 } from "node:zlib";
import { inputCorrupt, inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { PieceReader } from "./piece-reader.ts";
import {
  BLOCK_BYTES,
  longName,
  nameOf,
  parseHeader,
  parsePax,
  TarFault,
  type TarHeader,
} from "./tar-header.ts";

/** Member of a tar. Offsets are in the tar's content. */
export interface TarMember {
  readonly name: string;
  /** `file`, a link to another file, or something without content, such as a folder. */
  readonly kind: "file" | "link" | "other";
  /** Offset of its first header. */
  readonly at: number;
  /** Offset of its content. */
  readonly start: number;
  readonly bytes: number;
  /** CRC-32 of its content. */
  readonly crc32: number;
}

/** Limit of a PAX header or a long name. A larger one indicates damage. */
const LONG_MOST_BYTES = 1 << 20;

/** Headers before the header of a member. */
interface Before {
  /** Offset of the first of them. Null: there are none. */
  readonly at: number | null;
  readonly name: Buffer | null;
  readonly pax: ReadonlyMap<string, Buffer>;
}

const NOTHING: Before = { at: null, name: null, pax: new Map() };

/**
 * Reads the members of a tar in order, strictly. Python's `tarfile` ends silently at a damaged header and at
 * the end of a cut file. It also ends before a second tar in the same file. So does the webdataset library.
 *
 * @throws {INPUT_CORRUPT} when the tar is damaged or ends early
 * @throws {INPUT_UNSUPPORTED} when a member is sparse, or of an unknown type
 */
export async function* walkTar(reader: PieceReader, path: string): AsyncGenerator<TarMember, void> {
  let before = NOTHING;
  let defaults: Before["pax"] = new Map();
  while (true) {
    const at = reader.at;
    try {
      const block = await reader.take(BLOCK_BYTES);
      if (block.length < BLOCK_BYTES) throw cut(block.length);
      if (isZero(block)) return await passEnd(reader, before);
      const header = parseHeader(block);
      const { type } = header;
      if (type === "g") defaults = new Map([...defaults, ...parsePax(await takeLong(reader, header))]);
      else if (type === "x" || type === "X")
        before = { ...before, at: before.at ?? at, pax: parsePax(await takeLong(reader, header)) };
      else if (type === "L")
        before = { ...before, at: before.at ?? at, name: longName(await takeLong(reader, header)) };
      else if (type === "K") {
        await takeLong(reader, header);
        before = { ...before, at: before.at ?? at };
      } else {
        const pax = new Map([...defaults, ...before.pax]);
        const names = { ...before, at: before.at ?? at, pax };
        yield await takeMember(reader, header, names, path);
        before = NOTHING;
      }
    } catch (error) {
      if (!(error instanceof TarFault)) throw error;
      const where = `tar at byte ${at}`;
      throw inputCorrupt({ path, where, expected: error.expected, found: error.message });
    }
  }
}

const FILES = new Set(["0", "7"]);
const LINKS = new Set(["1", "2"]);
const EMPTY = new Set(["3", "4", "5", "6"]);

async function takeMember(
  reader: PieceReader,
  header: TarHeader,
  { at, name: long, pax }: Before & { readonly at: number },
  path: string,
): Promise<TarMember> {
  const name = nameOf(pax.get("path") ?? long ?? header.name);
  const refuse = (what: string, hint: string) =>
    inputUnsupported(path, `${what} (${JSON.stringify(name)} at byte ${at})`, hint);
  const isSparse = header.type === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."));
  if (isSparse) throw refuse("a sparse member", "write the tar without --sparse");
  const kind = FILES.has(header.type) ? "file" : LINKS.has(header.type) ? "link" : "other";
  if (kind === "other" && !EMPTY.has(header.type)) {
    const type = JSON.stringify(header.type);
    throw refuse(`a member of type ${type}`, "write the tar in the PAX format, in one volume");
  }
  const start = reader.at;
  if (kind !== "file") return { name, kind, at, start, bytes: 0, crc32: 0 };
  const bytes = sizeOf(pax.get("size")) ?? header.bytes;
  if (bytes > MEMBER_MOST_BYTES) throw refuse("a member above 1 GiB", "split it into smaller members");
  let sum = 0;
  const read = await reader.pass(bytes, (part) => {
    sum = crc32(part, sum);
  });
  const padding = paddingOf(bytes);
  if (read < bytes || (await reader.pass(padding)) < padding)
    throw new TarFault(
      `${bytes} bytes of ${JSON.stringify(name)}`,
      `the end of the tar at byte ${reader.at}`,
    );
  return { name, kind, at, start, bytes, crc32: sum };
}

/** Limit of a member's content, which is held in memory as one value. */
const MEMBER_MOST_BYTES = 1 << 30;

function sizeOf(text: Buffer | undefined): number | null {
  if (text === undefined) return null;
  if (/^[0-9]{1,15}$/.test(text.toString("latin1"))) return Number(text.toString("latin1"));
  throw new TarFault("a size", `a PAX size of ${JSON.stringify(text.toString("latin1"))}`);
}

async function takeLong(reader: PieceReader, { bytes }: TarHeader): Promise<Buffer> {
  if (bytes > LONG_MOST_BYTES) throw new TarFault("a header below 1 MiB", `a header of ${bytes} bytes`);
  const data = await reader.take(bytes);
  const padding = paddingOf(bytes);
  if (data.length < bytes || (await reader.pass(padding)) < padding) throw cut(data.length);
  return data;
}

/** Passes the zeros at the end of a tar. Nothing else may follow. */
async function passEnd(reader: PieceReader, before: Before): Promise<void> {
  if (before.at !== null) throw new TarFault("a member behind its headers", "the end of the tar");
  const end = reader.at;
  await reader.pass(Number.MAX_SAFE_INTEGER, (part) => {
    if (!isZero(part))
      throw new TarFault("nothing but zeros behind the end of the tar", `other bytes after byte ${end}`);
  });
}

function cut(bytes: number): TarFault {
  const found = bytes === 0 ? "the end of the file" : `only ${bytes} bytes`;
  return new TarFault("a member, or the two blocks of zeros that end a tar", found);
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

const ZEROS = Buffer.alloc(64 << 10);

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (part.compare(ZEROS, 0, part.length) !== 0) return false;
  }
  return true;
}
