import { type FileHandle, open } from "node:fs/promises";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { describeFieldType, findColumn } from "../../shared/dataset/columns.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { ID_TYPES, type IdType } from "./op.ts";
import type { PackQuestion } from "./pack-protocol.ts";
import { isVectorType } from "./read-vectors.ts";
import { SetWriter } from "./set-writer.ts";

/** Limits of a set. All workers of a machine share its memory, and each row is compared with all of it. */
const MOST_BYTES = 4 * 2 ** 30;
const MOST_ROWS = 2 ** 24;

/** Limit of reported problems: enough to see the pattern. */
const MOST_PROBLEMS = 10;

/**
 * Packs the rows of a set, in the order of its files. The same rows give the same bytes.
 *
 * @returns the problems of the set. None: the target is complete
 */
export async function packSet(
  question: PackQuestion,
  storages: Pick<Storages, "at">,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const opened: DatasetFile[] = [];
  try {
    for (const { path, bytes, version, format } of question.files) {
      const source = byteSource(await storages.at(path), path, bytes, version);
      opened.push(await openDatasetFile(source, format, signal));
    }
    const { ids, problems } = checkColumns(question, opened);
    if (ids === null || problems.length > 0) return problems;
    await using target = await open(question.target, "w");
    return await writeRows(question, { opened, ids, target, signal });
  } catch (error) {
    const isOfFile = isShardmillError(error, "INPUT_CORRUPT") || isShardmillError(error, "INPUT_UNSUPPORTED");
    if (!isOfFile) throw error;
    const { message: what, hint } = error;
    return [{ where: question.where, what, ...(hint === undefined ? {} : { hint }) }];
  } finally {
    for (const file of opened) file[Symbol.dispose]();
  }
}

/** Checks the columns and the number of rows, before any row is read. */
function checkColumns(
  { where, vector, id }: PackQuestion,
  opened: readonly DatasetFile[],
): { readonly ids: IdType | null; readonly problems: readonly Problem[] } {
  const step = where.replace(/\.among$/, "");
  const problems: Problem[] = [];
  const types = new Map<IdType, string>();
  for (const { path, schema } of opened) {
    const fields = fieldsOf(schema);
    const vectors = findColumn(fields, vector, `${step}.vector`);
    const idColumn = findColumn(fields, id, `${step}.id`);
    const missing = [...vectors.problems, ...idColumn.problems];
    problems.push(...missing.map((problem) => ({ ...problem, what: `${problem.what} in ${path}` })));
    if (vectors.field !== null && !isVectorType(vectors.field.type))
      problems.push(otherType(`${step}.vector`, path, vectors.field.type, "a list of float16, 32 or 64"));
    if (idColumn.field === null) continue;
    const type = idTypeOf(idColumn.field.type);
    if (type === null) problems.push(otherType(`${step}.id`, path, idColumn.field.type, "integers or texts"));
    else if (!types.has(type)) types.set(type, path);
    if (problems.length >= MOST_PROBLEMS) break;
  }
  const [first, other] = [...types];
  if (first !== undefined && other !== undefined)
    problems.push({
      where: `${step}.id`,
      what: `has another type in ${other[1]}`,
      expected: `${first[0]}, as in ${first[1]}`,
      found: other[0],
    });
  const rows = opened.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0) problems.push({ where, what: "has no rows", expected: "a vector at least" });
  if (rows > MOST_ROWS)
    problems.push({
      where,
      what: "is too large",
      expected: `at most ${MOST_ROWS} vectors`,
      found: String(rows),
    });
  return { ids: first?.[0] ?? null, problems };
}

function idTypeOf(type: FieldType): IdType | null {
  if (type.kind === "dictionary") return idTypeOf(type.values);
  const name = type.kind === "numeric" ? type.type : type.kind;
  return ID_TYPES.find((each) => each === name) ?? null;
}

function otherType(where: string, path: string, found: FieldType, expected: string): Problem {
  return { where, what: `has another type in ${path}`, expected, found: describeFieldType(found) };
}

interface Rows {
  readonly opened: readonly DatasetFile[];
  readonly ids: IdType;
  readonly target: FileHandle;
  readonly signal: AbortSignal;
}

async function writeRows(
  { where, vector, id, metric }: PackQuestion,
  { opened, ids, target, signal }: Rows,
): Promise<readonly Problem[]> {
  const rows = opened.reduce((sum, file) => sum + file.rows, 0);
  const writer = new SetWriter(target, { rows, ids, metric });
  const problems: Problem[] = [];
  for (const file of opened) {
    let rowStart = 0;
    const columns = [...new Set([vector, id])];
    for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns, signal })) {
      for (const { row, what } of await writer.add(batch, vector, id))
        problems.push({ where, what, found: `row ${rowStart + row} of ${file.path}` });
      if (writer.bytes > MOST_BYTES)
        problems.push({
          where,
          what: "is too large",
          expected: `at most ${formatBytes(MOST_BYTES)} of vectors as float32, and ids`,
          found: `${rows} vectors of ${writer.dims} numbers`,
          hint: "take a sample of the set, or shorter vectors",
        });
      if (problems.length >= MOST_PROBLEMS || writer.bytes > MOST_BYTES)
        return problems.slice(0, MOST_PROBLEMS);
      rowStart += batch.numRows;
    }
  }
  if (problems.length === 0) await writer.end();
  return problems;
}
