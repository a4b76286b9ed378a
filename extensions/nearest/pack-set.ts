import { writeFile } from "node:fs/promises";
import type { RecordBatch } from "apache-arrow";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { cutBatches } from "../../shared/dataset/cut-batches.ts";
import { FormatReaders, fetchIn, openInputFile } from "../../shared/dataset/open-input-file.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import { streamArrowOf } from "../../shared/dataset/stream-arrow.ts";
import { asStorageErrors, placeProblem } from "../../shared/storage/errors.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { FoundSet } from "./find-set.ts";
import { blockRows, dimsOf, setRows } from "./packed-set.ts";
import { readVectors } from "./read-vectors.ts";
import type { NearestSpec } from "./spec.ts";

/** Request to the process that packs a set. */
export interface PackQuestion extends FoundSet, Pick<NearestSpec, "vector" | "id" | "metric"> {
  /** Key of the set, for problems. */
  readonly where: string;
  /** File on this machine to write. */
  readonly target: string;
  /** Limit of the vectors' bytes as float32. */
  readonly mostBytes: number;
}

/** Limit of reported rows: enough to see the pattern. */
const MOST_PROBLEMS = 10;

/**
 * Packs the rows of a set, in the order of its files. The same rows give the same bytes.
 *
 * @returns the problems of the set. None: the target is complete
 */
export async function packSet(question: PackQuestion, signal: AbortSignal): Promise<readonly Problem[]> {
  const { where, target } = question;
  const problems: Problem[] = [];
  try {
    const batches = readRows(question, problems, signal);
    const first = await batches.next();
    if (first.done === true) return problems;
    const { schema } = first.value;
    const rows = blockRows(dimsOf(schema));
    const all = startingWith(first.value, batches);
    const tables = cutBatches(all, schema, { rows, bytes: Number.POSITIVE_INFINITY });
    const bytes = streamArrowOf(tables, { rowGroupRows: rows });
    await asStorageErrors("write", target, () => writeFile(target, bytes, { signal }));
    return problems;
  } catch (error) {
    if (!isShardmillError(error)) throw error;
    return [placeProblem(where, "cannot be packed", error)];
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void> {
  yield first;
  yield* rest;
}

/**
 * Yields the rows of a set, until there are too many problems.
 *
 * @param problems receives the problems of rows
 */
async function* readRows(
  { where, vector, id, metric, files, ids, stores, mostBytes }: PackQuestion,
  problems: Problem[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void> {
  await using storages = new Storages({}, stores);
  await using readers = new FormatReaders();
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0) problems.push({ where, what: "has no rows", expected: "a vector at least" });
  let dims: number | null = null;
  for (const file of files) {
    const source = byteSource(await storages.at(file.path), file.path, file.bytes, file.version);
    using opened = await openInputFile(source, file, { readers, fetch: fetchIn(storages), signal });
    let rowStart = 0;
    for await (const batch of opened.read({ rowStart, rowEnd: file.rows, columns: [vector, id], signal })) {
      const read = readVectors(columnData(batch, vector), dims, metric);
      const cells = [...cellsOf(columnData(batch, id))];
      for (const [row, fault] of read.faults.entries()) {
        if (fault === null && cells[row] !== null) continue;
        const what = fault === null ? "has an id that is null" : `has a vector that ${fault}`;
        problems.push({ where, what, found: `row ${rowStart + row} of ${file.path}` });
        if (problems.length === MOST_PROBLEMS) return;
      }
      dims = read.dims;
      if (dims !== null && rows * dims * 4 > mostBytes) {
        problems.push({
          where,
          what: "is too large",
          expected: `at most ${formatBytes(mostBytes)} of vectors as float32`,
          found: `${rows} vectors of ${dims} numbers`,
          hint: "take a sample of the set, or shorter vectors",
        });
        return;
      }
      rowStart += batch.numRows;
      if (problems.length === 0 && dims !== null) yield setRows({ dims, ids }, read.values, cells);
    }
  }
}
