import { present } from "../../shared/core/assert.ts";
import type { CsvForm } from "./op.ts";
import { RecordTable } from "./record-table.ts";
import { csvMarks, scanCsv } from "./scan-csv.ts";
import { recordsOf, type TextSample, tableOf } from "./text-sample.ts";

/** Candidate delimiters, the most likely first. */
const DELIMITERS = [",", ";", "\t", "|"];

interface GoodLines {
  readonly content: Buffer;
  /** Delimiter that gives most lines the same number of values. */
  readonly delimiter: string;
  /** True when no line has a broken quote. */
  readonly areAll: boolean;
}

/**
 * Finds the lines with the most common number of values and without broken quotes.
 *
 * @param delimiter undefined: detected, too
 */
export function goodLines(
  content: Buffer,
  spec: { readonly quote?: string; readonly escape?: string },
  delimiter: string | undefined,
): GoodLines {
  const quote = spec.quote ?? '"';
  const marksOf = (each: string) => csvMarks({ delimiter: each, quote, escape: spec.escape ?? quote });
  let best: GoodLines | null = null;
  let most = 0;
  for (const each of delimiter === undefined ? DELIMITERS : [delimiter]) {
    const table = new RecordTable(1);
    scanCsv(content, 0, { marks: marksOf(each), isEnd: true }, table);
    const values = commonest(table.values);
    const good = indicesOf(table.values, values);
    // A delimiter that occurs in no line gives every line one value.
    const score = values > 1 ? good.length : 0;
    if (best !== null && score <= most) continue;
    most = score;
    const lines = good.flatMap((at) => [
      content.subarray(table.starts[at], table.ends[at]),
      Buffer.from("\n"),
    ]);
    best = { content: Buffer.concat(lines), delimiter: each, areAll: !table.values.includes(0) };
  }
  return present(best, "there is a delimiter");
}

/** Returns the most common number of values in a sample, or the header's if there is a header. */
export function commonestValues(sample: TextSample, form: CsvForm): number {
  const { header } = recordsOf(sample, form, 0);
  if (header === null) return commonest(tableOf(sample, form).values);
  const table = new RecordTable(1);
  scanCsv(Buffer.from(header), 0, { marks: csvMarks(form), isEnd: true }, table);
  return table.values[0] ?? 1;
}

/** Returns the content with every line end as `\n`, also within quotes. */
export function withPlainEnds(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replaceAll(/\r\n?/g, "\n"), "latin1");
}

/** Returns the most common count, without the 0 of broken lines. Default: 1. */
function commonest(counts: readonly number[]): number {
  const times = new Map<number, number>();
  for (const count of counts) if (count > 0) times.set(count, (times.get(count) ?? 0) + 1);
  const [[found] = [1]] = [...times].sort(([a, more], [b, other]) => other - more || b - a);
  return found;
}

function indicesOf(counts: readonly number[], wanted: number): number[] {
  return counts.flatMap((count, at) => (count === wanted ? [at] : []));
}
