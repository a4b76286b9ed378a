import { below, folderOf, type Location, nameOf } from "../../../shared/domain/location.ts";
import { MANIFEST_NAME, OUTPUT_FOLDERS, WORK_FOLDER } from "../../../shared/domain/manifest.ts";
import { namesIn } from "../../../shared/storage/names-in.ts";
import type { PlaceKind, Storage } from "../../../shared/storage/storage.ts";

/** State of a folder as a job's output, for jobs of any version. */
type JobOutputState = "none" | "unfinished" | "published";

/** Prefix of a job's own names. A folder may have a million other names, which need not be listed. */
const OWN_NAMES = "_";

/** Bytes of a manifest to read: its first lines identify it. */
const HEAD_BYTES = 4_096;

interface LookedAt {
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/**
 * Returns the state of a folder as a job's output, from the names in it. A `_manifest.json` of another
 * program does not make it an output.
 */
export async function jobOutputState(
  folder: Location,
  names: readonly string[],
  { storage, signal }: LookedAt,
): Promise<JobOutputState> {
  if (names.includes(MANIFEST_NAME) && (await isManifest(below(folder, MANIFEST_NAME), { storage, signal })))
    return "published";
  return names.includes(WORK_FOLDER) ? "unfinished" : "none";
}

/** Returns the same for a folder whose names are not listed yet. */
export async function outputState(folder: Location, looked: LookedAt): Promise<JobOutputState> {
  const { storage, signal } = looked;
  const names = await namesIn(folder, storage, { prefix: OWN_NAMES, signal });
  return await jobOutputState(folder, names ?? [], looked);
}

/**
 * Returns the unfinished output that `path` is, or is a part of (`out/rows`, `out/rows/a.parquet`). Null:
 * none.
 */
export async function unfinishedOutput(
  { path, kind }: { readonly path: Location; readonly kind: PlaceKind },
  looked: LookedAt,
): Promise<Location | null> {
  const parent = folderOf(path);
  const itself = kind === "folder" ? [path] : [];
  const outputs = [
    ...itself,
    ...(isPart(path) ? [parent] : []),
    ...(isPart(parent) ? [folderOf(parent)] : []),
  ];
  for (const folder of outputs) {
    if ((await outputState(folder, looked)) === "unfinished") return folder;
  }
  return null;
}

function isPart(path: Location): boolean {
  return Object.values(OUTPUT_FOLDERS).some((folder) => folder === nameOf(path));
}

async function isManifest(path: Location, { storage, signal }: LookedAt): Promise<boolean> {
  try {
    const { bytes } = await storage.stat(path, signal);
    const read = await storage.read(path, 0, Math.min(bytes, HEAD_BYTES), { signal });
    const head = Buffer.from(read).toString("utf8");
    return head.includes('"formatVersion"') && head.includes('"outputDigest"');
  } catch {
    signal.throwIfAborted();
    // An unreadable manifest counts as one: excluding an output is safer than reading it.
    return true;
  }
}
