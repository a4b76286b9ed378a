import { isUtf8 } from "node:buffer";
import { Field as ArrowField, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { BadRow } from "../../shared/dataset/dataset-file.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import { gather, type Stretch } from "../../shared/dataset/gather.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { nameOfType } from "../../shared/domain/column-type-names.ts";
import { decodeText, encodingOf } from "./encodings.ts";
import { jsonRows } from "./json/json-rows.ts";
import { NESTING_MOST, nestsTooDeep } from "./nesting.ts";
import { type CsvEncoding, type CsvForm, ENCODING_HINTS, type JsonForm, type TextForm } from "./op.ts";
import { RECORD_MOST_BYTES } from "./record-sink.ts";
import { RecordTable } from "./record-table.ts";
import type { ParsedFault, TextParser } from "./text-parser.ts";

/** Consecutive records of a file. */
export interface RecordRun {
  readonly bytes: Buffer;
  readonly table: RecordTable;
  /** Range `[from, to)` of the table's records. */
  readonly from: number;
  readonly to: number;
  /** Offset of `bytes` in the content. */
  readonly start: number;
  /** Row of the file at `from`. */
  readonly row: number;
}

export interface RunRows {
  readonly batches: readonly RecordBatch[];
  readonly bad: readonly BadRow[];
}

interface RunOptions {
  readonly form: TextForm;
  /** Schema of the requested columns. */
  readonly schema: Schema;
  /** Indices of the requested columns among the form's fields. */
  readonly requested: readonly number[];
  /** Parser of CSV. Null: JSON Lines. */
  readonly parser: TextParser | null;
}

interface FaultContext {
  readonly run: RecordRun;
  readonly records: readonly number[];
  readonly form: TextForm;
  readonly messages: Map<number, string>;
}

/** Records with the batches that they became. */
interface Piece {
  readonly records: readonly number[];
  readonly batches: readonly RecordBatch[];
}

/** Returns a row for each record, in order. A bad record becomes nulls, and is listed with its fault. */
export async function rowsOfRun(encoded: RecordRun, options: RunOptions): Promise<RunRows> {
  const messages = new Map<number, string>();
  const encoding = encodingOf(options.form);
  const run = encoding === "utf-8" ? encoded : decodedRun(encoded, encoding, messages);
  const intact: number[] = [];
  const isText = isUtf8(run.bytes);
  for (let record = run.from; record < run.to; record += 1) {
    const fault = messages.get(record) ?? faultOf(run, record, options.form, isText);
    if (fault === null) intact.push(record);
    else messages.set(record, fault);
  }
  const { form } = options;
  const pieces =
    form.kind === "json"
      ? parseJson(run, intact, { ...options, form }, messages)
      : await parseIntact(run, intact, { ...options, form }, messages);
  const bad = [...messages]
    .sort(([a], [b]) => a - b)
    .map(([record, message]) => ({
      row: run.row + record - run.from,
      message: `${placeOf(encoded, record)}: ${message}`,
    }));
  const [only] = pieces;
  if (pieces.length === 1 && only?.records.length === run.to - run.from)
    return { batches: only.batches, bad };
  return { batches: [putTogether(run, pieces, options.schema)], bad };
}

/** Converts the records to UTF-8. A record that is invalid in its encoding becomes empty, with a message. */
function decodedRun(
  { bytes, table, ...run }: RecordRun,
  encoding: CsvEncoding,
  messages: Map<number, string>,
): RecordRun {
  const decoded = new RecordTable(table.line);
  const texts: Buffer[] = [];
  let start = 0;
  for (let record = 0; record < table.length; record += 1) {
    const text = decodeText(bytes.subarray(table.starts[record], table.ends[record]), encoding);
    const isWanted = record >= run.from && record < run.to;
    if (text === null && isWanted) messages.set(record, `it is not ${encoding.toUpperCase()}`);
    const utf8 = Buffer.from(`${text ?? ""}\n`);
    texts.push(utf8);
    const end = start + utf8.length - 1;
    decoded.record({ start, end, next: end + 1, lines: 1, values: table.values[record] ?? 0 });
    start = end + 1;
  }
  return { ...run, bytes: Buffer.concat(texts), table: decoded };
}

function placeOf({ table, start }: RecordRun, record: number): string {
  return `line ${table.lines[record]} (byte ${start + (table.starts[record] ?? 0)})`;
}

const TOO_DEEP = `it nests lists and objects more than ${formatCount(NESTING_MOST)} deep, the limit: write the inner ones as text`;

/** Returns the fault that a record's bytes alone show. Null: none. */
function faultOf(
  { bytes, table }: RecordRun,
  record: number,
  form: TextForm,
  isText: boolean,
): string | null {
  const [start, end] = [table.starts[record] ?? 0, table.ends[record] ?? 0];
  if (!isText && !isUtf8(bytes.subarray(start, end))) return `it is not UTF-8: ${ENCODING_HINTS[form.kind]}`;
  if (form.kind === "json") return nestsTooDeep(bytes, start, end) ? TOO_DEEP : null;
  if (end - start >= RECORD_MOST_BYTES)
    return `it is longer than ${formatBytes(RECORD_MOST_BYTES)}, the limit of a line`;
  if (table.values[record] === 0)
    return `a quoted value (${form.quote}) is not closed at its end: set input.csv.quote to another character, or to none`;
  const [values, columns] = [table.values[record], form.fields.length];
  if (values === columns) return null;
  return `it has ${values} ${values === 1 ? "value" : "values"} for ${columns} columns`;
}

function parseJson(
  run: RecordRun,
  records: readonly number[],
  { form, requested, schema }: RunOptions & { readonly form: JsonForm },
  messages: Map<number, string>,
): readonly Piece[] {
  const { starts, ends } = run.table;
  const lines = records.map((record) => ({ start: starts[record] ?? 0, end: ends[record] ?? 0 }));
  const fields = requested.flatMap((place) => form.fields[place] ?? []);
  const { batch, faults } = jsonRows(run.bytes, lines, { fields, requested, schema });
  addFaults(faults, { run, records, form, messages });
  return [{ records, batches: [batch] }];
}

function addFaults(faults: readonly ParsedFault[], { run, records, form, messages }: FaultContext): void {
  for (const fault of faults) {
    const record = records[fault.row] ?? 0;
    messages.set(record, messageOfFault(fault, run, record, form));
  }
}

/**
 * Parses records that the scan found intact. When DuckDB counts them differently, halving isolates the bad
 * record. Adds DuckDB's other faults to `messages`.
 */
async function parseIntact(
  run: RecordRun,
  records: readonly number[],
  options: RunOptions & { readonly form: CsvForm },
  messages: Map<number, string>,
): Promise<readonly Piece[]> {
  if (records.length === 0) return [];
  const content = contentOf(run, records);
  const parsed = await present(options.parser, "CSV has a parser").parse(content, {
    ...options,
    count: records.length,
  });
  if (parsed !== null) {
    addFaults(parsed.faults, { run, records, form: options.form, messages });
    return [{ records, batches: parsed.batches }];
  }
  const [only] = records;
  if (records.length === 1 && only !== undefined) {
    messages.set(only, "DuckDB does not read it as one record of CSV");
    return [];
  }
  const middle = records.length >> 1;
  const first = await parseIntact(run, records.slice(0, middle), options, messages);
  return [...first, ...(await parseIntact(run, records.slice(middle), options, messages))];
}

function messageOfFault(
  { column, shown }: ParsedFault,
  run: RecordRun,
  record: number,
  form: TextForm,
): string {
  if (column === null)
    return notJson(run.bytes.toString("utf8", run.table.starts[record], run.table.ends[record]));
  const field = form.fields[column];
  if (field === undefined) throw new Error(`broken invariant: no column ${column}`);
  const type = nameOfType(field.type) ?? showType(field.type);
  return `column ${field.name}: ${JSON.stringify(shown)} is not ${type}, the type of the column: set another in input.types`;
}

function notJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
    return `it is ${kind}, not a JSON object`;
  } catch (error) {
    return `it is not JSON: ${messageOf(error)}`;
  }
}

/** Returns the records, each ended by `\n`. Adjacent records without `\r` are copied in one piece. */
function contentOf({ bytes, table }: RecordRun, records: readonly number[]): Buffer {
  const [first, last] = [records[0] ?? 0, records.at(-1) ?? 0];
  const isWhole = records.every((record, index) => {
    const next = records[index + 1];
    return next === undefined || table.starts[next] === (table.ends[record] ?? 0) + 1;
  });
  const lines = isWhole && hasNoReturns(bytes, table, records);
  const newline = Buffer.from("\n");
  if (lines) return Buffer.concat([bytes.subarray(table.starts[first], table.ends[last]), newline]);
  return Buffer.concat(
    records.flatMap((record) => [bytes.subarray(table.starts[record], table.ends[record]), newline]),
  );
}

function hasNoReturns(bytes: Buffer, { ends }: RecordTable, records: readonly number[]): boolean {
  return records.every((record) => bytes[ends[record] ?? 0] !== 13);
}

function putTogether({ from, to }: RecordRun, pieces: readonly Piece[], schema: Schema): RecordBatch {
  const places: ({ readonly batch: RecordBatch; readonly row: number } | null)[] = Array.from(
    { length: to - from },
    () => null,
  );
  for (const piece of pieces) {
    let index = 0;
    for (const batch of piece.batches) {
      for (let row = 0; row < batch.numRows; row += 1, index += 1)
        places[(piece.records[index] ?? from) - from] = { batch, row };
    }
  }
  const plain = new Schema(
    schema.fields.map((field) => {
      const { name, type, metadata } = plainField(field);
      return new ArrowField(name, type, true, metadata);
    }),
  );
  const children = plain.fields.map(({ type }, column) => gather(type, stretchesOf(places, column)));
  return recordBatchOf(plain, places.length, children);
}

/** Returns the rows of a column, with adjacent rows merged into stretches. */
function stretchesOf(
  places: readonly ({ readonly batch: RecordBatch; readonly row: number } | null)[],
  column: number,
): Stretch[] {
  const stretches: { data: Stretch["data"]; start: number; end: number }[] = [];
  for (const place of places) {
    const data = place === null ? null : (place.batch.data.children[column] ?? null);
    const last = stretches.at(-1);
    if (last !== undefined && last.data === data && (place === null || last.end === place.row)) last.end += 1;
    else stretches.push({ data, start: place?.row ?? 0, end: (place?.row ?? 0) + 1 });
  }
  return stretches;
}
