import { readInput } from "../../coordinator/plan/read-input.ts";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { listNames } from "../../shared/core/list-names.ts";
import { describeFieldType, findColumn } from "../../shared/dataset/columns.ts";
import type { Dataset, FieldType } from "../../shared/domain/dataset.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { placeProblem } from "../../shared/storage/errors.ts";
import { ID_TYPES, type IdType } from "./op.ts";
import { isVectorType } from "./read-vectors.ts";
import type { NearestSpec } from "./spec.ts";

/** Set of vectors, as a step names it. */
interface NamedSet extends Pick<NearestSpec, "vector" | "id"> {
  /** Key path of the step, for problems. */
  readonly where: string;
  readonly path: string;
  readonly stores: JobStores;
}

/** Set of vectors whose rows are not yet read. Plain JSON. */
export interface FoundSet extends Pick<Dataset, "files"> {
  readonly ids: IdType;
  readonly stores: JobStores;
}

/** Finds the files of a set as those of an input, and checks their columns. */
export async function findSet(
  named: NamedSet,
  options: { readonly ownInput?: boolean; readonly signal: AbortSignal },
): Promise<FoundSet | { readonly problems: readonly Problem[] }> {
  const { path } = named;
  const where = `${named.where}.among`;
  try {
    const input = { path: [path], format: "auto", shardRows: "auto" } as const;
    // There is no output, and no input is inside of itself.
    const job = { input, output: { path: `${path}/_none`, rows: "none" } as const };
    const { dataset, stores } = await readInput(job, { stores: named.stores, ...options });
    const problems: Problem[] = [];
    const ids = checkColumns(named, dataset, problems);
    return ids === undefined ? { problems } : { files: dataset.files, ids, stores };
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isShardmillError(error)) throw error;
    if (error.problems.length === 0) return { problems: [placeProblem(where, "cannot be read", error)] };
    // Hints are about the keys of the input.
    const problems = error.problems.map(({ hint: _, ...problem }) => {
      return { ...problem, where, what: `${problem.where}: ${problem.what}` };
    });
    return { problems };
  }
}

/** Checks the columns of a set. Returns the type of its ids, unless there are problems. */
function checkColumns(
  { where, vector, id }: NamedSet,
  { fields }: Dataset,
  problems: Problem[],
): IdType | undefined {
  const typeOf = (name: string, key: string) => {
    const { field, problems: missing } = findColumn(fields, name, `${where}.${key}`);
    const expected = `a column of the set: ${listNames(fields.map((each) => each.name))}`;
    problems.push(...missing.map((problem) => ({ ...problem, expected })));
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
  return problems.length === 0 ? ids : undefined;
}

function idTypeOf(type: FieldType): IdType | undefined {
  if (type.kind === "dictionary") return idTypeOf(type.values);
  return ID_TYPES.find((each) => each === describeFieldType(type));
}
