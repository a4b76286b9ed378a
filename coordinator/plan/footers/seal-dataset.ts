import { canonicalJson, type Digest, sha256 } from "../../../shared/core/digest.ts";
import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { diffFields, type FieldDifference } from "../../../shared/dataset/field-differences.ts";
import type { RowGroupStatistics } from "../../../shared/domain/column-statistics.ts";
import type { Dataset, Field, FileCut, InputFile, RowGroup } from "../../../shared/domain/dataset.ts";
import type { ClassNames } from "../../../shared/domain/hugging-face.ts";
import type { Undecoded } from "../../../shared/domain/undecoded.ts";

/** Bytes of a lease that a slice in another file takes, about. */
export const SLICE_BYTES = 1 << 10;

/** Facts of an input file's footer. */
export interface FileFooter {
  readonly file: InputFile;
  /** Columns of the file. Files of one schema share one array. */
  readonly fields: readonly Field[];
  readonly rowGroups: readonly RowGroup[];
  /** Statistics of each row group for the requested columns. Null: the file has none. */
  readonly statistics: readonly RowGroupStatistics[] | null;
  /** Key of the columns' layout in Arrow. Files with equal layouts fit into one table, see `layoutOf`. */
  readonly layout: string;
  /** Names that the file gives to the classes of its columns. Files of one schema share one object. */
  readonly classes: ClassNames;
  /** Rules for cutting a file with an index into shards. */
  readonly cut?: FileCut;
  /** Records that are not in the file's encoding. Default: none. */
  readonly undecoded?: Undecoded;
}

/** Limit of listed problems: enough to see the fault. The count has the rest. */
const PROBLEM_LIMIT = 20;

/**
 * Combines files into one dataset, in the given order: one schema for all, and a digest that identifies the
 * content. The most common schema is the reference, and of equally common ones the first. A column may hold
 * nulls if it may in any file.
 *
 * @throws {INPUT_SCHEMA_MIXED} naming each file and field that differs from the reference
 */
export function sealDataset(footers: readonly FileFooter[]): Dataset {
  const reference = commonest(footers);
  const problems: Problem[] = [];
  let mixedFiles = 0;
  const alike = new Set([reference.fields]);
  for (const { file, fields } of footers) {
    if (alike.has(fields)) continue;
    const differences = diffFields(reference.fields, fields);
    if (differences.length > 0) mixedFiles += 1;
    else alike.add(fields);
    for (const difference of differences) problems.push(problemOf(file.path, difference));
  }
  if (problems.length > 0) throw mixed(problems, mixedFiles, reference.file.path);
  const files = footers.map(({ file }) => file);
  return { files, fields: mergeNullability(reference.fields, footers), digest: digestOf(files) };
}

function commonest(footers: readonly FileFooter[]): FileFooter {
  const bySchema = new Map<string, { footer: FileFooter; count: number }>();
  const keys = new Map<FileFooter["fields"], string>();
  for (const footer of footers) {
    const key = keys.get(footer.fields) ?? schemaKey(footer.fields);
    keys.set(footer.fields, key);
    const known = bySchema.get(key);
    if (known === undefined) bySchema.set(key, { footer, count: 1 });
    else known.count += 1;
  }
  const [first, ...rest] = bySchema.values();
  if (first === undefined) throw new ShardmillError("INPUT_NOT_FOUND", "the input has no files");
  return rest.reduce((best, next) => (next.count > best.count ? next : best), first).footer;
}

/** Returns a key of the columns' names and types. Ignores order and nullability, as diffFields does. */
function schemaKey(fields: readonly Field[]): string {
  return canonicalJson(Object.fromEntries(fields.map(({ name, type }) => [name, type])));
}

function mergeNullability(reference: readonly Field[], footers: readonly FileFooter[]): Field[] {
  const schemas = [...new Set(footers.map(({ fields }) => fields))];
  const nullable = new Set(
    schemas.flatMap((fields) => fields.filter((field) => field.nullable).map(({ name }) => name)),
  );
  return reference.map(({ name, type }) => ({ name, type, nullable: nullable.has(name) }));
}

/**
 * Computes the input's digest from the files' content and order. Paths are excluded: a folder that was moved
 * or mounted elsewhere is the same input. The index is excluded, as the footer's checksum covers it.
 */
function digestOf(files: Dataset["files"]): Digest {
  return sha256(canonicalJson(files.map(({ path: _, text: _index, ...content }) => content)));
}

function problemOf(path: string, difference: FieldDifference): Problem {
  const { name } = difference;
  switch (difference.kind) {
    case "missing":
      return { where: path, what: `column ${name} is missing`, expected: difference.expected, found: "none" };
    case "extra":
      return { where: path, what: `column ${name} is extra`, expected: "none", found: difference.found };
    case "type": {
      const { expected, found } = difference;
      return { where: path, what: `column ${name} has another type`, expected, found };
    }
  }
}

function mixed(problems: readonly Problem[], files: number, reference: string): ShardmillError {
  const more = problems.length > PROBLEM_LIMIT ? ` (the first ${PROBLEM_LIMIT} are listed)` : "";
  const count = files === 1 ? "1 input file differs" : `${files} input files differ`;
  return new ShardmillError(
    "INPUT_SCHEMA_MIXED",
    `${count} from ${reference} in ${problems.length} columns${more}`,
    {
      fields: { files, differences: problems.length, reference, path: problems[0]?.where ?? "" },
      problems: problems.slice(0, PROBLEM_LIMIT),
      hint: "remove the other files from input.path, or convert them: all files need the same columns",
    },
  );
}
