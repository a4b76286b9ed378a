import { canonicalJson, sha256 } from "../../../shared/core/digest.ts";
import type { FileForm } from "../../../shared/domain/dataset.ts";
import { fileFormatOf } from "../../../shared/domain/formats.ts";
import { folderOf } from "../../../shared/domain/location.ts";
import type { FoundRowFile } from "../../../shared/extension/format.ts";
import type { FoundFile } from "../input/discover.ts";
import type { SetTypes } from "../input/partition-types.ts";
import type { FoundPartitions, PartitionedPath } from "../input/partitions.ts";
import { type FileFooter, SLICE_BYTES } from "./seal-dataset.ts";

/**
 * Limits of the files in one list. Shards never cross lists of many bytes, which bounds the bytes of a shard.
 * A lease carries the names of a whole list at most, of some hundred kilobytes.
 */
const LIST = { files: 1_024, bytes: 256 << 20 };

/** Bytes of a row without its content, about: a path, a location, a version and numbers. */
const FACTS_BYTES = 256;

/** Lists of files, each of which is one file of the dataset. */
interface ListedFooters {
  readonly found: FoundPartitions;
  readonly footers: readonly FileFooter[];
}

/** Returns the columns of files that are rows. Null: the files contain rows. */
export async function listedForm(files: readonly FoundFile[], types: SetTypes): Promise<FileForm | null> {
  const part = fileFormatOf(files[0]?.format ?? "");
  return part === null ? null : (await part.loadPlanner()).findForm(files, types);
}

/**
 * Packs files that are rows into lists, and indexes them without reading any. Files of a list are consecutive
 * and have equal folders. Null: the files contain rows.
 *
 * @param named text with the names of columns whose values are wanted. Null: none
 * @throws {SPEC_INVALID} {INPUT_UNSUPPORTED}
 */
export async function listFooters(
  found: FoundPartitions,
  { types, named }: { readonly types: SetTypes; readonly named: string | null },
): Promise<ListedFooters | null> {
  const part = fileFormatOf(found.files[0]?.format ?? "");
  if (part === null) return null;
  const planner = await part.loadPlanner();
  const form = planner.findForm(found.files, types);
  const text = named?.toLowerCase() ?? "";
  const namesFact = form.fields.some(({ name }) => text.includes(name));
  const layout = sha256(canonicalJson(form.fields));
  const files: PartitionedPath[] = [];
  const footers: FileFooter[] = [];
  for (const list of listsOf(found.files)) {
    const [first] = list;
    const rowFiles = list.map(rowFile);
    const { index, sha256: footerSha256 } = planner.indexFiles(rowFiles, form);
    const bytes = bytesOf(list);
    const each = namesFact ? rowFiles.map((file) => planner.factsOf(file)) : null;
    const { path, format, version, partitions } = first;
    const rows = list.length;
    files.push({ path, format, bytes, version, partitions });
    footers.push({
      file: { path, format, bytes, version, rows, footerSha256, text: index },
      fields: form.fields,
      // One row group for each file lets a condition exclude single files.
      rowGroups:
        each === null
          ? [{ rows, bytes: bytes + rows * FACTS_BYTES }]
          : list.map((file) => ({ rows: 1, bytes: file.bytes + FACTS_BYTES })),
      statistics: each,
      classes: {},
      layout,
      cut: { isOnePiece: false, slices: Math.ceil(JSON.stringify(index).length / SLICE_BYTES) },
    });
  }
  return { found: { ...found, files }, footers };
}

type List = [PartitionedPath, ...PartitionedPath[]];

function* listsOf(files: readonly PartitionedPath[]): Generator<List> {
  let list: List | null = null;
  let bytes = 0;
  for (const file of files) {
    const isNext: boolean =
      list !== null &&
      list.length < LIST.files &&
      bytes + file.bytes <= LIST.bytes &&
      rootOf(file) === rootOf(list[0]) &&
      isSame(file.partitions, list[0].partitions);
    if (list !== null && isNext) list.push(file);
    else {
      if (list !== null) yield list;
      list = [file];
      bytes = 0;
    }
    bytes += file.bytes;
  }
  if (list !== null) yield list;
}

/** Compares the values of folders. Files of one folder share them. */
function isSame(some: PartitionedPath["partitions"], others: PartitionedPath["partitions"]): boolean {
  return some === others || (some.length === 0 && others.length === 0);
}

function rowFile(file: FoundFile): FoundRowFile {
  const { path, bytes, version, modified = null } = file;
  return { path, root: rootOf(file), bytes, version, modified };
}

function rootOf({ path, root }: FoundFile): FoundRowFile["root"] {
  return root ?? folderOf(path);
}

function bytesOf(files: readonly FoundFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
