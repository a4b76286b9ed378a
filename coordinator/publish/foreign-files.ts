import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile, type OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { filesBelow } from "./files-below.ts";
import { OUTPUT_KINDS } from "./layout.ts";

/** Files stat'ed at once, where a listing has no sizes. */
const LOOKS_AT_ONCE = 16;

/**
 * Returns the paths of files in an output's folders that are not in `own`. A file with a name from `own` but
 * another size is foreign, too: somebody has put or changed it since.
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

/** @throws {OUTPUT_OCCUPIED} when the folders have files that this manifest does not name */
export async function refuseOtherOutput(
  output: Location,
  manifest: OutputManifest,
  storage: Storage,
): Promise<void> {
  const [placed] = await foreignFiles(output, manifest.files, storage);
  if (placed === undefined) return;
  throw new ShardmillError(
    "OUTPUT_OCCUPIED",
    `${output} holds ${placed}, which belongs to another output of this job`,
    {
      fields: { path: output, name: placed },
      hint: "run the job again with --fresh to start over: a partial was lost after publishing began",
    },
  );
}

/** Returns the size of a file. Null: it is not a file. */
async function sizeOf(location: Location, storage: Storage): Promise<number | null> {
  if ((await storage.kindAt(location, NEVER)) !== "file") return null;
  return (await storage.stat(location, NEVER)).bytes;
}
