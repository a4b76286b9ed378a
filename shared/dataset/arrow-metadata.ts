import { DataType, Message, type Schema } from "apache-arrow";
import { DictionaryBatch as DictionaryBatchTable } from "apache-arrow/fb/dictionary-batch";
import { Field as FieldTable } from "apache-arrow/fb/field";
import { Footer as FooterTable } from "apache-arrow/fb/footer";
import { Message as MessageTable } from "apache-arrow/fb/message";
import { RecordBatch as RecordBatchTable } from "apache-arrow/fb/record-batch";
import { Schema as SchemaTable } from "apache-arrow/fb/schema";
import { Footer } from "apache-arrow/ipc/metadata/file";
import type { BodyCompression, DictionaryBatch, RecordBatch } from "apache-arrow/ipc/metadata/message";
import { ByteBuffer } from "flatbuffers";

/** Place of a message in the file: its metadata at `offset`, its body right after. */
export interface ArrowBlock {
  readonly offset: number;
  readonly metadataBytes: number;
  readonly bodyBytes: number;
}

interface ArrowFooter {
  readonly schema: Schema;
  readonly dictionaries: readonly ArrowBlock[];
  readonly batches: readonly ArrowBlock[];
}

export type ArrowMessage =
  | { readonly kind: "schema"; readonly schema: Schema; readonly bodyBytes: number }
  | { readonly kind: "batch"; readonly header: RecordBatch; readonly bodyBytes: number }
  | { readonly kind: "dictionary"; readonly header: DictionaryBatch; readonly bodyBytes: number };

/** Fault of a piece of metadata. The reader that catches it adds the path and the place. */
class MetadataFault extends Error {}

/** Valid metadata of data that cannot be read. */
export class UnsupportedFault extends Error {
  readonly hint: string;

  constructor(what: string, hint: string) {
    super(what);
    this.hint = hint;
  }
}

/** Limit of nesting. No model reads deeper data, which would only exhaust the stack. */
const NESTING_LIMIT = 64;

const VECTOR_ITEM_BYTES = { offset: 4, block: 24, node: 16, buffer: 16, count: 8 };

/**
 * Decodes the file's footer. First checks every vector's length against the bytes. The library reads
 * flatbuffers without a verifier, so a corrupt length would make it loop over billions of items.
 *
 * @throws {MetadataFault | UnsupportedFault}
 */
export function decodeFooter(footerBytes: Uint8Array): ArrowFooter {
  const bytes = aligned(footerBytes);
  const footer = FooterTable.getRootAsFooter(new ByteBuffer(bytes));
  checkSchema(footer.schema(), bytes);
  checkVector(footer.dictionariesLength(), VECTOR_ITEM_BYTES.block, bytes);
  checkVector(footer.recordBatchesLength(), VECTOR_ITEM_BYTES.block, bytes);
  const decoded = Footer.decode(bytes);
  return {
    schema: decoded.schema,
    dictionaries: [...decoded.dictionaryBatches()].map(toBlock),
    batches: [...decoded.recordBatches()].map(toBlock),
  };
}

function toBlock(block: { offset: number; metaDataLength: number; bodyLength: number }): ArrowBlock {
  return { offset: block.offset, metadataBytes: block.metaDataLength, bodyBytes: block.bodyLength };
}

/**
 * Decodes one message's metadata, without its length prefix.
 *
 * @throws {MetadataFault | UnsupportedFault}
 */
export function decodeMessage(messageBytes: Uint8Array): ArrowMessage {
  const bytes = aligned(messageBytes);
  checkMessage(MessageTable.getRootAsMessage(new ByteBuffer(bytes)), bytes);
  const message = Message.decode(bytes);
  const { bodyLength: bodyBytes } = message;
  if (!Number.isSafeInteger(bodyBytes) || bodyBytes < 0) {
    throw new MetadataFault(`a message body of ${bodyBytes} bytes`);
  }
  if (message.isSchema()) return { kind: "schema", schema: message.header(), bodyBytes };
  if (message.isRecordBatch()) {
    const header = message.header();
    codecOf(header.compression);
    return { kind: "batch", header, bodyBytes };
  }
  if (message.isDictionaryBatch()) {
    const header = message.header();
    codecOf(header.data.compression);
    return { kind: "dictionary", header, bodyBytes };
  }
  throw new MetadataFault(`a message of type ${message.headerType}`);
}

/** Codecs of record batch buffers, by CompressionType of Message.fbs. */
const CODECS = ["lz4", "zstd"] as const;

export type ArrowCodec = (typeof CODECS)[number];

/** @throws {UnsupportedFault} when the codec is unknown, or does not compress buffer by buffer */
export function codecOf(compression: BodyCompression | null): ArrowCodec | null {
  if (compression === null) return null;
  const { type, method } = compression;
  const codec = CODECS[type];
  if (codec !== undefined && method === 0) return codec;
  const what = `record batches compressed with codec ${type} by method ${method}`;
  throw new UnsupportedFault(what, "write it with lz4, zstd or no compression");
}

/** Lists the dictionaries that a column and its children refer to. */
export function dictionaryIds(type: DataType): number[] {
  const nested = DataType.isDictionary(type) ? [type.dictionary as DataType] : [];
  const children = (type.children ?? []).map((child) => child.type as DataType);
  const own = DataType.isDictionary(type) ? [type.id] : [];
  return [...own, ...[...nested, ...children].flatMap(dictionaryIds)];
}

function checkMessage(message: MessageTable, bytes: Uint8Array): void {
  checkVector(message.customMetadataLength(), VECTOR_ITEM_BYTES.offset, bytes);
  const kind = message.header(new SchemaTable()) === null ? undefined : HEADER_KINDS[message.headerType()];
  if (kind === "schema") checkSchema(message.header(new SchemaTable()), bytes);
  else if (kind === "dictionary") checkBatch(message.header(new DictionaryBatchTable()).data(), bytes);
  else if (kind === "batch") checkBatch(message.header(new RecordBatchTable()), bytes);
  else throw new MetadataFault(`a message of type ${message.headerType()}`);
}

/** Members of Message.fbs's MessageHeader that are read here. */
const HEADER_KINDS: Readonly<Record<number, "schema" | "dictionary" | "batch">> = {
  1: "schema",
  2: "dictionary",
  3: "batch",
};

function checkBatch(batch: RecordBatchTable | null, bytes: Uint8Array): void {
  if (batch === null) throw new MetadataFault("a dictionary without values");
  checkVector(batch.nodesLength(), VECTOR_ITEM_BYTES.node, bytes);
  checkVector(batch.buffersLength(), VECTOR_ITEM_BYTES.buffer, bytes);
  checkVector(batch.variadicBufferCountsLength(), VECTOR_ITEM_BYTES.count, bytes);
}

function checkSchema(schema: SchemaTable | null, bytes: Uint8Array): void {
  if (schema === null) throw new MetadataFault("no schema");
  if (schema.endianness() !== 0)
    throw new UnsupportedFault("big-endian data", "write it on, or for, a little-endian machine");
  checkVector(schema.customMetadataLength(), VECTOR_ITEM_BYTES.offset, bytes);
  checkVector(schema.fieldsLength(), VECTOR_ITEM_BYTES.offset, bytes);
  const budget = { fields: bytes.length / VECTOR_ITEM_BYTES.offset };
  for (let index = 0; index < schema.fieldsLength(); index += 1) {
    checkField(schema.fields(index, new FieldTable()), { bytes, budget, above: [] });
  }
}

/** Types of Schema.fbs that the library lacks. */
const UNKNOWN_TYPES: Readonly<Record<number, string>> = {
  22: "run-end encoded",
  25: "a list view",
  26: "a large list view",
};

/** List, FixedSizeList, Map and LargeList: types with exactly one child. */
const LIST_TYPES: ReadonlySet<number> = new Set([12, 16, 17, 21]);

interface Walk {
  readonly bytes: Uint8Array;
  /**
   * Number of fields that the bytes can hold. Without it, fields that share their children could make a small
   * file endless.
   */
  readonly budget: { fields: number };
  /** Names of the enclosing fields, the column's first. */
  readonly above: readonly string[];
}

function checkField(field: FieldTable | null, { bytes, budget, above }: Walk): void {
  budget.fields -= 1;
  const name = field?.name() ?? null;
  if (field === null || name === null) throw new MetadataFault("a field without a name");
  if (budget.fields < 0) throw new MetadataFault("more fields than its bytes can hold");
  if (above.length > NESTING_LIMIT) throw new MetadataFault(`fields nested more than ${NESTING_LIMIT} deep`);
  const unknown = UNKNOWN_TYPES[field.typeType()];
  if (unknown !== undefined) {
    throw new UnsupportedFault(
      `a column ${placeOf([...above, name])} is ${unknown}`,
      "convert the column to a plain one",
    );
  }
  if (LIST_TYPES.has(field.typeType()) && field.childrenLength() !== 1) {
    throw new MetadataFault(`a list with ${field.childrenLength()} kinds of items`);
  }
  checkVector(field.customMetadataLength(), VECTOR_ITEM_BYTES.offset, bytes);
  checkVector(field.childrenLength(), VECTOR_ITEM_BYTES.offset, bytes);
  for (let index = 0; index < field.childrenLength(); index += 1) {
    checkField(field.children(index, new FieldTable()), { bytes, budget, above: [...above, name] });
  }
}

/** Returns the place as messages show it after "a column". */
function placeOf([column, ...within]: readonly string[]): string {
  return within.length === 0 ? `\`${column}\` that` : `\`${column}\` in which \`${within.join(".")}\``;
}

function checkVector(length: number, itemBytes: number, bytes: Uint8Array): void {
  if (length < 0 || length * itemBytes > bytes.length) {
    throw new MetadataFault(`a list of ${length} items in ${bytes.length} bytes`);
  }
}

/** Alignment of typed arrays over a buffer: they must start at a multiple of their element's size. */
const ALIGNMENT = 8;

/** Returns the bytes, or a copy when they do not start at a multiple of 8. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % ALIGNMENT === 0 ? bytes : bytes.slice();
}
