import type { RecordBatch, Schema } from "apache-arrow";
import { recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { MemberColumns } from "./json-columns.ts";
import { JsonFault, JsonScanner, OPEN_OBJECT } from "./json-scanner.ts";

/** Length of a shown value, enough to recognise it. */
const SHOWN_CHARS = 60;

interface JsonLine {
  readonly start: number;
  readonly end: number;
}

/** Fault of a line that makes no row. */
interface LineFault {
  readonly row: number;
  /** Index into all fields. Null: the line as a whole. */
  readonly column: number | null;
  /** Beginning of the value. */
  readonly shown: string;
}

interface JsonRows {
  readonly batch: RecordBatch;
  readonly faults: readonly LineFault[];
}

/**
 * Makes a row of each JSON line. A line with a fault becomes nulls.
 *
 * @param lines offsets in `bytes`, which must be UTF-8 there
 * @param fields requested columns, whose indices among all fields are in `asked`
 */
export function jsonRows(
  bytes: Buffer,
  lines: Iterable<JsonLine>,
  {
    fields,
    requested,
    schema,
  }: { readonly fields: readonly Field[]; readonly requested: readonly number[]; readonly schema: Schema },
): JsonRows {
  const scanner = new JsonScanner(bytes);
  const columns = new MemberColumns(fields, scanner);
  const faults: LineFault[] = [];
  let row = 0;
  for (const line of lines) {
    const fault = appendLine(line, scanner, columns);
    if (fault !== null) {
      columns.truncate(row);
      columns.appendNulls();
      const column = fault < 0 ? null : (requested[fault] ?? null);
      const place = fault < 0 ? line : columns.placeOf(fault);
      const shown = Array.from(
        bytes.toString("utf8", place.start, Math.min(place.end, place.start + 4 * SHOWN_CHARS)),
      );
      faults.push({ row, column, shown: shown.slice(0, SHOWN_CHARS).join("") });
    }
    row += 1;
  }
  return { batch: recordBatchOf(schema, row, columns.finish()), faults };
}

/** @returns the faulty column, -1 when the line is not an object, or null without a fault */
function appendLine({ start, end }: JsonLine, scanner: JsonScanner, columns: MemberColumns): number | null {
  try {
    scanner.passLine(start, end);
  } catch (error) {
    if (error instanceof JsonFault) return -1;
    throw error;
  }
  if (scanner.bytes[scanner.valueStart] !== OPEN_OBJECT) return -1;
  const fault = columns.append(scanner.valueStart);
  return fault < 0 ? null : fault;
}
