import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { below, folderOf, type Location } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest, WORK_FOLDER } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { asOutputFailed } from "./output-failed.ts";
import { readManifestIfThere } from "./read-manifest.ts";

export type OutputState =
  /** Missing folder. */
  | { readonly kind: "fresh" }
  | { readonly kind: "empty" }
  /** Work files of a job, which may be resumed. */
  | { readonly kind: "unfinished" }
  /** `clearOutput` has started and not finished. Call it again, whatever the user asks for now. */
  | { readonly kind: "halfCleared" }
  | { readonly kind: "published"; readonly manifest: OutputManifest }
  /** Foreign files: see {@link outputOccupied}. */
  | { readonly kind: "occupied"; readonly entries: readonly string[] };

/** Name of the marker in `_shardmill`. It is durable from the first deletion of a clearing to the last. */
export const CLEARING_NAME = "clearing";
const NAMES_SHOWN = 5;

/** Limit of looks at a folder that changes meanwhile. Each change is another coordinator that starts over. */
const MAX_LOOKS = 8;

/**
 * Inspects an output folder by its names and its manifest. Looks again if the manifest was removed after its
 * name was listed: another coordinator starts over.
 *
 * @throws {OUTPUT_OCCUPIED} when a file is where the folder would be
 * @throws {OUTPUT_FAILED} when there is a manifest that cannot be read
 */
export async function inspectOutput(output: Location, storage: Storage): Promise<OutputState> {
  for (let looks = 1; ; looks += 1) {
    const found = await lookInto(output, storage);
    if (found !== "changed") return found;
    if (looks === MAX_LOOKS) throw outputOccupied(output, [MANIFEST_NAME]);
  }
}

async function lookInto(output: Location, storage: Storage): Promise<OutputState | "changed"> {
  const entries = await namesIn(output, storage);
  if (entries === null) {
    await refuseFile(output, storage);
    return { kind: "fresh" };
  }
  if (entries.length === 0) return { kind: "empty" };
  const isUnfinished = entries.includes(WORK_FOLDER);
  const work = isUnfinished ? ((await namesIn(below(output, WORK_FOLDER), storage)) ?? []) : [];
  if (work.includes(CLEARING_NAME)) return { kind: "halfCleared" };
  const manifest = entries.includes(MANIFEST_NAME) ? await manifestOf(output, storage) : null;
  if (manifest !== null) return { kind: "published", manifest };
  if (isUnfinished) return { kind: "unfinished" };
  return entries.includes(MANIFEST_NAME) ? "changed" : { kind: "occupied", entries };
}

/** Reads the manifest. Null: it was removed after the listing, because a coordinator starts over. */
async function manifestOf(output: Location, storage: Storage): Promise<OutputManifest | null> {
  const path = below(output, MANIFEST_NAME);
  return await asOutputFailed({ path, what: `${path} cannot be read` }, () =>
    readManifestIfThere(path, storage),
  );
}

/** Returns the error for an output folder that has foreign files. */
export function outputOccupied(outputPath: string, entries: readonly string[]): ShardmillError {
  const shown = entries.slice(0, NAMES_SHOWN).join(", ");
  const more = entries.length > NAMES_SHOWN ? ` and ${entries.length - NAMES_SHOWN} more` : "";
  return new ShardmillError("OUTPUT_OCCUPIED", `${outputPath} has files in it: ${shown}${more}`, {
    fields: { path: outputPath, entries: entries.length },
    problems: [
      {
        where: "output.path",
        what: "the folder has files that Shardmill did not make",
        expected: "a folder that is empty or does not exist",
        found: `${shown}${more}`,
      },
    ],
    hint: "choose another output.path",
  });
}

/**
 * Lists the names in a folder, sorted. Null: there is no such folder.
 *
 * @throws {OUTPUT_FAILED} when it cannot be listed
 */
export async function namesIn(folder: Location, storage: Storage): Promise<string[] | null> {
  const names: string[] = [];
  const what = "the output folder cannot be listed";
  return await asOutputFailed({ path: folder, what }, async () => {
    try {
      for await (const page of storage.list(folder, { signal: NEVER }))
        for (const { name } of page) names.push(name);
      return names.sort();
    } catch (error) {
      if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
      throw error;
    }
  });
}

/** @throws {OUTPUT_OCCUPIED} when the output folder, or a folder above it, is a file */
async function refuseFile(output: Location, storage: Storage): Promise<void> {
  for (let at = output; ; at = folderOf(at)) {
    const kind = await storage.kindAt(at, NEVER).catch(() => "folder" as const);
    if (kind === "file") throw notAFolder(output, at);
    if (kind !== null || folderOf(at) === at) return;
  }
}

function notAFolder(output: Location, file: Location): ShardmillError {
  const what = file === output ? "is a file, not a folder" : `cannot be a folder: ${file} is a file`;
  return new ShardmillError("OUTPUT_OCCUPIED", `${output} ${what}`, {
    fields: { path: output, file },
    problems: [
      { where: "output.path", what, expected: "a folder that is empty or does not exist", found: file },
    ],
    hint: "choose another output.path",
  });
}
