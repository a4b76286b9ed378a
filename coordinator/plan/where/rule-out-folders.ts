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
 * What rules folders out before they are listed: `input.where`, by the types that folders have as far as they
 * were met. Undefined where nothing can: of a job over what is new, all is read, if only to see that no row
 * of it is wanted.
 *
 * @param options.judge what judges by a file, for tests
 */
export function folderRules(
  input: JobSpec["input"],
  { judge = judgeBy, signal }: { readonly judge?: typeof judgeBy; readonly signal: AbortSignal },
): FolderRules | undefined {
  const { partitions: asked, ...looked } = input;
  if (input.where === undefined || asked === "none" || input.new === true) return undefined;
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
      // Where folders must be columns and cannot, who has all files says so.
      return judge(sample, columns, { input: looked, signal, stores });
    },
  };
}

/**
 * Whether the same files are left as if no folder had been ruled out unlisted. Not where the files that were
 * found make other columns of the folders, or of other types, than those by which folders were ruled out; nor
 * where no file is left, of which one is to be kept: the first of all; nor where a file has another name by
 * which it would have been left out.
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

/** The ruled-out folder in which another lies, or that it is, links aside; null for none. */
function ruledFolderOver(folders: RuledFolders["folders"]): (folder: Location) => RuledOutFolder | null {
  const ruled = new Map(folders.map((folder) => [folder.realPath, folder]));
  const known = new Map<Location, RuledOutFolder | null>();
  const over = (folder: Location): RuledOutFolder | null => {
    const told = ruled.get(folder) ?? known.get(folder);
    if (told !== undefined) return told;
    const above = folderOf(folder);
    const found = above === folder ? null : over(above);
    known.set(folder, found);
    return found;
  };
  return over;
}
