import { type Data, type Field, type Schema, Vector } from "apache-arrow";
import {
  type RecordBatch as BatchHeader,
  BufferRegion,
  type DictionaryBatch,
} from "apache-arrow/ipc/metadata/message";
import { VectorLoader } from "apache-arrow/visitor/vectorloader";
import { mapConcurrent } from "../core/map-concurrent.ts";
import type { ByteSource } from "../storage/storage.ts";
import { ColumnFault, checkColumn } from "./arrow-check.ts";
import { type ColumnBuffers, decompressBuffers, loadCodec } from "./arrow-compression.ts";
import { arrowCorrupt } from "./arrow-errors.ts";
import { type ColumnParts, layOutColumns } from "./arrow-layout.ts";
import { aligned } from "./arrow-metadata.ts";
import { decoderMemoryBytes } from "./parquet-memory.ts";

/** Largest gap between columns that are read in one request: about the cost of a request over a network. */
const GAP_BYTES = 256 << 10;
const READS_AT_ONCE = 4;

/** Alignment of a column's start in the bytes read, so that its buffers are read in place. */
const ALIGNMENT = 8;

interface FileContext {
  readonly schema: Schema;
  readonly dictionaries: Map<number, Vector>;
}

interface ReadContext {
  readonly source: ByteSource;
  readonly where: string;
  readonly signal: AbortSignal;
}

interface BatchRequest {
  readonly header: BatchHeader;
  readonly body: { readonly start: number; readonly bytes: number };
  /** Columns, by their place in the schema. */
  readonly indices: readonly number[];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface ColumnRequest {
  readonly field: Field;
  readonly parts: ColumnParts;
  /** Place of the column's buffers in the body. */
  readonly span: Span;
}

/**
 * Reads some columns of a record batch. Reads only their bytes, and merges neighbours into one request.
 *
 * @throws {INPUT_CORRUPT}
 */
export async function loadColumns(
  file: FileContext,
  { header, body, indices }: BatchRequest,
  { source, where, signal }: ReadContext,
): Promise<Data[]> {
  const requests = arrowCorrupt(source.path, where, () => {
    const layout = layOutColumns(file.schema.fields, header, file.schema.metadataVersion);
    return indices.map((index) =>
      columnRequest(file.schema.fields[index], layout[index], header, body.bytes),
    );
  });
  const spans = mergeSpans(requests.map(({ span }) => span));
  const chunks = await mapConcurrent(spans, READS_AT_ONCE, async ({ start, end }) =>
    start === end
      ? new Uint8Array()
      : aligned(await source.read(body.start + start, body.start + end, signal)),
  );
  const decompress = await loadCodec(header.compression);
  const budget = { bytes: decoderMemoryBytes };
  return requests.map((request) => {
    const position = spans.findIndex(
      (span) => span.start <= request.span.start && request.span.end <= span.end,
    );
    const chunk = chunks[position] ?? new Uint8Array();
    const chunkStart = spans[position]?.start ?? 0;
    return arrowCorrupt(source.path, `${where}, column ${request.field.name}`, () => {
      const buffers = buffersOf(header, request, { bytes: chunk, start: chunkStart });
      const data = decodeColumn(
        file,
        header,
        request,
        decompress === null ? buffers : decompressBuffers(buffers, decompress, budget),
      );
      if (data.length !== header.length) throw new ColumnFault(`${data.length} rows of ${header.length}`);
      return data;
    });
  });
}

/** Adds a dictionary batch to the file's dictionaries. */
export async function loadDictionary(
  file: FileContext,
  { id, isDelta, data: header }: DictionaryBatch,
  body: Uint8Array,
  path: string,
): Promise<void> {
  const decompress = await loadCodec(header.compression);
  arrowCorrupt(path, `dictionary ${id}`, () => {
    const type = file.schema.dictionaries.get(id);
    if (type === undefined) throw new ColumnFault("no column that uses it");
    const field = { name: "", type, nullable: true } as Field;
    const [parts] = layOutColumns([field], header, file.schema.metadataVersion);
    const request = columnRequest(field, parts, header, body.length);
    const buffers = buffersOf(header, request, { bytes: aligned(body), start: 0 });
    const plain =
      decompress === null ? buffers : decompressBuffers(buffers, decompress, { bytes: decoderMemoryBytes });
    const values = new Vector([decodeColumn(file, header, request, plain)]);
    const before = isDelta ? file.dictionaries.get(id) : undefined;
    file.dictionaries.set(id, (before === undefined ? values : before.concat(values)).memoize());
  });
}

function columnRequest(
  field: Field | undefined,
  parts: ColumnParts | undefined,
  header: BatchHeader,
  bodyBytes: number,
): ColumnRequest {
  if (field === undefined || parts === undefined) throw new ColumnFault("a column that is not in the schema");
  if (parts.nodes[1] > header.nodes.length || parts.buffers[1] > header.buffers.length) {
    throw new ColumnFault(`${header.nodes.length} nodes and ${header.buffers.length} buffers: too few`);
  }
  const regions = header.buffers.slice(...parts.buffers).filter(({ length }) => length !== 0);
  for (const { offset, length } of regions) {
    if (offset < 0 || length < 0 || offset + length > bodyBytes) {
      throw new ColumnFault(`a buffer at [${offset}, ${offset + length}) of ${bodyBytes} bytes`);
    }
  }
  if (regions.length === 0) return { field, parts, span: { start: 0, end: 0 } };
  const start = Math.min(...regions.map(({ offset }) => offset));
  const end = Math.max(...regions.map(({ offset, length }) => offset + length));
  return { field, parts, span: { start: start - (start % ALIGNMENT), end } };
}

function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = merged.at(-1);
    if (last === undefined || span.start > last.end + GAP_BYTES) merged.push(span);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
  }
  return merged;
}

function buffersOf(
  header: BatchHeader,
  { parts }: ColumnRequest,
  chunk: { readonly bytes: Uint8Array; readonly start: number },
): ColumnBuffers {
  const regions = header.buffers
    .slice(...parts.buffers)
    .map(({ offset, length }) => new BufferRegion(length === 0 ? 0 : offset - chunk.start, length));
  return { bytes: chunk.bytes, regions };
}

function decodeColumn(
  file: FileContext,
  header: BatchHeader,
  { field, parts }: ColumnRequest,
  { bytes, regions }: ColumnBuffers,
): Data {
  const loader = new VectorLoader(
    bytes,
    header.nodes.slice(...parts.nodes),
    [...regions],
    file.dictionaries,
    file.schema.metadataVersion,
    header.variadicBufferCounts.slice(...parts.variadicCounts),
  );
  const data = loader.visit(field.type) as Data;
  checkColumn(data);
  return data;
}
