import { isDeepStrictEqual } from "node:util";
import { memoized } from "../../../shared/core/memoized.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { folderOf, type Location } from "../../../shared/domain/location.ts";
import type { FolderRules, FoundInput, LocatedFile } from "../input/discover.ts";
import type { RuledFolders, RuledOutFolder } from "../input/folder-ruling.ts";
import { partitionTypes } from "../input/partition-types.ts";
import { findPartitions } from "../input/partitions.ts";
import { areJudged, isNamedBy, judgeBy } from "./folder-judge.ts";

/**
 * Returns the rules that exclude folders before they are listed: `input.where`, with the types of the folders
 * met so far. Undefined: nothing is excluded. With `input.new` all folders are listed, since a file that no
 * run reads counts as new in the next.
 *
 * @param options.judge replacement of {@link judgeBy} in tests
 */
export function folderRules(
  input: JobSpec["input"],
  { judge = judgeBy, signal }: { readonly judge?: typeof judgeBy; readonly signal: AbortSignal },
): FolderRules | undefined {
  const { partitions: requested, ...looked } = input;
  if (input.where === undefined || requested === "none" || input.new === true) return undefined;
  return {
    concern: (values) =>
      isNamedBy(
        input,
        values.map(({ name }) => name),
      ),
    judge: (sample, met, stores) => {
      const names = sample.folderValues.map(({ name }) => name);
      const alike = met.filter((values) => values.every(({ name }, at) => name === names[at]));
      const types = partitionTypes(names, [sample.folderValues, ...alike], input.types ?? {});
      const columns = names.map((name, at) => ({ name, type: types[at] ?? "string" }));
      // Without `partitions`, as the job's demand for folder columns is checked once all files are known.
      return judge(sample, columns, { input: looked, signal, stores });
    },
  };
}

/**
 * Checks whether excluding unlisted folders gave the same files as listing all. False in three cases:
 *
 * - The listed files give folders other columns or types than the judge assumed.
 * - No file is left, although the first of all must stay.
 * - A listed file is really in an excluded folder, and is listed under another name.
 */
export function isRuledRight({ files, ruled = null }: FoundInput, input: JobSpec["input"]): boolean {
  if (ruled === null || ruled.folders.length === 0) return true;
  const { judge, folders } = ruled;
  if (!areJudged(judge, findPartitions(files, undefined, input.types, folders).partitions)) return false;
  const rulesOut = memoized((values: LocatedFile["folderValues"]) => judge.rulesOut(values));
  if (files.every(({ folderValues }) => rulesOut(folderValues))) return false;
  const ruledOver = ruledFolderOver(folders);
  return files.every(({ path, realPath, folderValues }) => {
    const folder = ruledOver(folderOf(realPath));
    if (folder === null) return true;
    const isBelow = path.startsWith(`${folder.path}/`);
    return isBelow && folder.folderValues.every((value, at) => isDeepStrictEqual(value, folderValues[at]));
  });
}

/** Returns a function that finds the excluded folder at or above a real folder. Null: none. */
function ruledFolderOver(folders: RuledFolders["folders"]): (folder: Location) => RuledOutFolder | null {
  const ruled = new Map(folders.map((folder) => [folder.realPath, folder]));
  const known = new Map<Location, RuledOutFolder | null>();
  const over = (folder: Location): RuledOutFolder | null => {
    const ruling = ruled.get(folder) ?? known.get(folder);
    if (ruling !== undefined) return ruling;
    const above = folderOf(folder);
    const found = above === folder ? null : over(above);
    known.set(folder, found);
    return found;
  };
  return over;
}
