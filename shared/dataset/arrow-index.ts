import type { Schema } from "apache-arrow";
import { type Digest, sha256 } from "../core/digest.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import type { ByteSource } from "../storage/storage.ts";
import { arrowCorrupt } from "./arrow-errors.ts";
import { type ArrowBlock, type ArrowMessage, decodeFooter, decodeMessage } from "./arrow-metadata.ts";
import { ArrowWindow, WINDOW_BYTES } from "./arrow-window.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";

/** Message whose metadata has been read, without the length prefix. The body starts at `bodyStart`. */
interface IndexedMessage<Kind extends ArrowMessage["kind"]> {
  readonly metadataStart: number;
  readonly metadataBytes: number;
  readonly message: Extract<ArrowMessage, { kind: Kind }>;
  readonly bodyStart: number;
}

/** Places of all messages in an Arrow file, in file order. */
export interface ArrowIndex {
  readonly schema: Schema;
  readonly dictionaries: readonly IndexedMessage<"dictionary">[];
  readonly batches: readonly IndexedMessage<"batch">[];
  readonly footerSha256: Digest;
}

const MAGIC = "ARROW1";
const HEAD_BYTES = 8;
/** Bytes of the footer's length and the magic bytes after it. */
const TRAILER_BYTES = 10;
const CONTINUATION = 0xffffffff;

/** Metadata reads at once. Record batches declare their rows only in their own metadata. */
const READ_AHEAD = 8;

/**
 * Reads the places of record batches, and their metadata, but no data. Accepts both forms of Arrow IPC: the
 * file (by its footer) and the stream (by walking it).
 * Format: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 *
 * @throws {INPUT_CORRUPT | INPUT_UNSUPPORTED}
 */
export async function readArrowIndex(source: ByteSource, signal: AbortSignal): Promise<ArrowIndex> {
  const { path, bytes } = source;
  const window = new ArrowWindow(source, signal);
  if (bytes < HEAD_BYTES) {
    const found = bytes === 0 ? "the file is empty" : `only ${bytes} bytes`;
    throw inputCorrupt({ path, where: "header", expected: "an Arrow IPC file", found });
  }
  const head = await window.read(0, HEAD_BYTES);
  if (latin1(head.subarray(0, MAGIC.length)) === MAGIC) return readFileIndex(source, window);
  if (dataView(head).getUint32(0, true) === CONTINUATION) return readStreamIndex(source, window);
  const found = latin1(head.subarray(0, 4)) === "PAR1" ? "a Parquet file" : JSON.stringify(latin1(head));
  throw inputCorrupt({ path, where: "header", expected: `${MAGIC} as its first bytes`, found });
}

async function readFileIndex(source: ByteSource, window: ArrowWindow): Promise<ArrowIndex> {
  const { path, bytes: size } = source;
  const trailer = await window.readTail(TRAILER_BYTES);
  const footerBytes = trailer.length < TRAILER_BYTES ? 0 : dataView(trailer).getInt32(0, true);
  if (latin1(trailer.subarray(4)) !== MAGIC) {
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `${MAGIC} as its last bytes`,
      found: `${JSON.stringify(latin1(trailer.subarray(4)))}: the file was cut short`,
    });
  }
  if (footerBytes <= 0 || footerBytes > size - TRAILER_BYTES - HEAD_BYTES) {
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `a footer length between 1 and ${size - TRAILER_BYTES - HEAD_BYTES} bytes`,
      found: `a footer length of ${footerBytes} bytes`,
    });
  }
  const footerStart = size - TRAILER_BYTES - footerBytes;
  const bytes = await window.read(footerStart, size - TRAILER_BYTES);
  const footer = arrowCorrupt(path, "footer", () => decodeFooter(bytes));
  const batches = await mapConcurrent(footer.batches, READ_AHEAD, (block, index) =>
    readBlock(window, block, { path, kind: "batch", where: `record batch ${index}`, end: footerStart }),
  );
  const dictionaries = await mapConcurrent(footer.dictionaries, READ_AHEAD, (block, index) =>
    readBlock(window, block, { path, kind: "dictionary", where: `dictionary ${index}`, end: footerStart }),
  );
  refuseReplaced(path, dictionaries);
  return { schema: footer.schema, batches, dictionaries, footerSha256: sha256(bytes) };
}

interface BlockContext<Kind> {
  readonly path: string;
  readonly kind: Kind;
  readonly where: string;
  /** End of the messages and start of the footer. */
  readonly end: number;
}

async function readBlock<Kind extends "batch" | "dictionary">(
  window: ArrowWindow,
  block: ArrowBlock,
  { path, kind, where, end }: BlockContext<Kind>,
): Promise<IndexedMessage<Kind>> {
  const { offset, metadataBytes, bodyBytes } = block;
  const bodyStart = offset + metadataBytes;
  if (!(offset >= HEAD_BYTES && metadataBytes > 8 && bodyBytes >= 0 && bodyStart + bodyBytes <= end)) {
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `${where} inside the file's first ${end} bytes`,
      found: `${metadataBytes} and ${bodyBytes} bytes at ${offset}`,
    });
  }
  const framed = await window.read(offset, bodyStart, bodyBytes > WINDOW_BYTES);
  const metadata = arrowCorrupt(path, where, () => unframe(framed));
  const message = arrowCorrupt(path, where, () => decodeMessage(metadata));
  if (message.kind !== kind || message.bodyBytes > bodyBytes) {
    const expected = `a ${kind} with a body of ${bodyBytes} bytes, as the footer says`;
    throw inputCorrupt({ path, where, expected, found: `a ${message.kind} of ${message.bodyBytes} bytes` });
  }
  return {
    message: message as Extract<ArrowMessage, { kind: Kind }>,
    metadataStart: offset + metadata.byteOffset - framed.byteOffset,
    metadataBytes: metadata.length,
    bodyStart,
  };
}

/** Returns the metadata without its length prefix: 8 bytes now, 4 before Arrow 0.15. */
function unframe(framed: Uint8Array): Uint8Array {
  const start = dataView(framed).getUint32(0, true) === CONTINUATION ? 8 : 4;
  const length = dataView(framed).getInt32(start - 4, true);
  if (length < 0 || start + length > framed.length) throw new RangeError(`metadata of ${length} bytes`);
  return framed.subarray(start, start + length);
}

async function readStreamIndex(source: ByteSource, window: ArrowWindow): Promise<ArrowIndex> {
  const { path, bytes: size } = source;
  const dictionaries: IndexedMessage<"dictionary">[] = [];
  const batches: IndexedMessage<"batch">[] = [];
  const metadata: string[] = [];
  let schema: Schema | undefined;
  for (let offset = 0, count = 0; offset < size; count += 1) {
    const where = `message ${count}`;
    const prefix = dataView(await window.read(offset, Math.min(size, offset + 8)));
    const length = prefix.byteLength < 8 ? -1 : prefix.getInt32(4, true);
    if (length === 0) break;
    const bodyStart = offset + 8 + length;
    if (length < 0 || bodyStart > size || prefix.getUint32(0, true) !== CONTINUATION) {
      const expected = `a message inside the file's ${size} bytes`;
      throw inputCorrupt({ path, where, expected, found: `${length} bytes of metadata at ${offset}` });
    }
    const bytes = await window.read(offset + 8, bodyStart);
    const message = arrowCorrupt(path, where, () => decodeMessage(bytes));
    if (bodyStart + message.bodyBytes > size || (schema === undefined) !== (message.kind === "schema")) {
      const expected = `the schema first, then batches, inside ${size} bytes`;
      throw inputCorrupt({
        path,
        where,
        expected,
        found: `a ${message.kind} that ends at ${bodyStart + message.bodyBytes}`,
      });
    }
    metadata.push(sha256(bytes));
    const place = { metadataStart: offset + 8, metadataBytes: length, bodyStart };
    if (message.kind === "schema") schema = message.schema;
    if (message.kind === "batch") batches.push({ message, ...place });
    if (message.kind === "dictionary") dictionaries.push({ message, ...place });
    offset = bodyStart + message.bodyBytes;
  }
  if (schema === undefined) {
    throw inputCorrupt({ path, where: "header", expected: "a schema", found: "the end of the stream" });
  }
  refuseReplaced(path, dictionaries);
  return { schema, dictionaries, batches, footerSha256: sha256(metadata.join("\n")) };
}

/** Refuses replaced dictionaries: batches before a replacement need the old values, later ones the new. */
function refuseReplaced(path: string, dictionaries: readonly IndexedMessage<"dictionary">[]): void {
  const seen = new Set<number>();
  for (const { message } of dictionaries) {
    const { id, isDelta } = message.header;
    if (!isDelta && seen.has(id)) {
      throw inputUnsupported(
        path,
        `a dictionary (${id}) that replaces an earlier one`,
        "write it as an Arrow file, or as Parquet",
      );
    }
    seen.add(id);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
