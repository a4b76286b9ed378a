import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile, type OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { filesBelow } from "./files-below.ts";
import { OUTPUT_KINDS } from "./layout.ts";

/** Files that are looked at at once, where listing does not tell their size. */
const LOOKS_AT_ONCE = 16;

/**
 * What is in the folders of an output and is not of `own`, by path. A file of ours by name that has another
 * size is somebody's too: it was put there, or changed, since.
 */
export async function foreignFiles(
  output: Location,
  own: readonly OutputFile[],
  storage: Storage,
): Promise<string[]> {
  const bytesOf = new Map(own.map(({ path, bytes }) => [path, bytes]));
  const foreign: string[] = [];
  for (const kind of OUTPUT_KINDS) {
    const folder = OUTPUT_FOLDERS[kind];
    const names = (await filesBelow(below(output, folder), storage)) ?? [];
    await mapConcurrent(names, LOOKS_AT_ONCE, async (name) => {
      const path = `${folder}/${name}`;
      const bytes = bytesOf.get(path);
      const isOwn = bytes !== undefined && (await sizeOf(below(output, path), storage)) === bytes;
      if (!isOwn) foreign.push(path);
    });
  }
  return foreign.sort();
}

/** @throws {OUTPUT_OCCUPIED} when files are placed that an output of this job does not have */
export async function refuseOtherOutput(
  output: Location,
  manifest: OutputManifest,
  storage: Storage,
): Promise<void> {
  const [placed] = await foreignFiles(output, manifest.files, storage);
  if (placed === undefined) return;
  throw new ShardmillError("OUTPUT_OCCUPIED", `${output} has ${placed} of another output of this job`, {
    fields: { path: output, name: placed },
    hint: "a partial was lost after the job had begun to publish: run it again with --fresh to start over",
  });
}

/** Null for what is no file. */
async function sizeOf(location: Location, storage: Storage): Promise<number | null> {
  if ((await storage.kindAt(location, NEVER)) !== "file") return null;
  return (await storage.stat(location, NEVER)).bytes;
}
