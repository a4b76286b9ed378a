import { writeFile } from "node:fs/promises";
import type { RecordBatch } from "apache-arrow";
import { readInput } from "../../coordinator/plan/read-input.ts";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { describeFieldType, findColumn } from "../../shared/dataset/columns.ts";
import { cutBatches } from "../../shared/dataset/cut-batches.ts";
import { FormatReaders, fetchIn, openInputFile } from "../../shared/dataset/open-input-file.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import { streamArrowOf } from "../../shared/dataset/stream-arrow.ts";
import type { Dataset, FieldType } from "../../shared/domain/dataset.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { asStorageErrors, placeProblem } from "../../shared/storage/errors.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { ID_TYPES, type IdType } from "./op.ts";
import { blockRows, dimsOf, setRows } from "./packed-set.ts";
import { isVectorType, readVectors } from "./read-vectors.ts";
import type { NearestSpec } from "./spec.ts";

/** Request to the process that packs a set. */
export interface PackQuestion extends Pick<NearestSpec, "vector" | "id" | "metric"> {
  /** Key path of the step, for problems. */
  readonly where: string;
  /** Path of the set, as in the job file. */
  readonly path: string;
  readonly stores: JobStores;
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
  const { path, target } = question;
  const where = `${question.where}.among`;
  try {
    const input = { path: [path], format: "auto", shardRows: "auto" } as const;
    const job = { input, output: { path: target, rows: "none" } as const };
    const { dataset, stores } = await readInput(job, { stores: question.stores, ownInput: true, signal });
    const problems: Problem[] = [];
    const ids = checkColumns(question, dataset, problems);
    if (ids === null) return problems;
    const batches = readRows({ ...question, where, stores }, { dataset, ids, problems, signal });
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
    if (error.problems.length === 0) return [placeProblem(where, "cannot be packed", error)];
    return error.problems.map((problem) => ({
      ...problem,
      where,
      what: `${problem.where}: ${problem.what}`,
    }));
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void> {
  yield first;
  yield* rest;
}

/** Checks the columns, before any row is read. Returns the type of the ids. Null: there are problems. */
function checkColumns(
  { where, vector, id }: PackQuestion,
  { fields }: Dataset,
  problems: Problem[],
): IdType | null {
  const typeOf = (name: string, key: string) => {
    const { field, problems: missing } = findColumn(fields, name, `${where}.${key}`);
    problems.push(...missing);
    return field?.type;
  };
  const refuse = (key: string, expected: string, found: FieldType) =>
    problems.push({
      where: `${where}.${key}`,
      what: "is a column of another type",
      expected,
      found: describeFieldType(found),
    });
  const [vectors, given] = [typeOf(vector, "vector"), typeOf(id, "id")];
  const ids = given && idTypeOf(given);
  if (vectors && !isVectorType(vectors)) refuse("vector", "lists of float16, float32 or float64", vectors);
  if (given && !ids) refuse("id", "integers or texts", given);
  return problems.length === 0 && ids ? ids : null;
}

function idTypeOf(type: FieldType): IdType | undefined {
  if (type.kind === "dictionary") return idTypeOf(type.values);
  return ID_TYPES.find((each) => each === describeFieldType(type));
}

interface Reading {
  readonly dataset: Dataset;
  readonly ids: IdType;
  /** Receives the problems of rows. */
  readonly problems: Problem[];
  readonly signal: AbortSignal;
}

/** Yields the rows of a set, until there are too many problems. */
async function* readRows(
  { where, vector, id, metric, stores, mostBytes }: PackQuestion,
  { dataset: { files }, ids, problems, signal }: Reading,
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
