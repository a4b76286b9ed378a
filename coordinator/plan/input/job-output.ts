import { open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME, WORK_FOLDER } from "../../../shared/domain/manifest.ts";
import { OUTPUT_KINDS } from "../../publish/layout.ts";

/** What a folder is to the jobs of this and other versions. */
export type JobOutputState = "none" | "unfinished" | "published";

/** A manifest says what it is in its first lines. */
const HEAD_BYTES = 4_096;

/**
 * Whether a job publishes to a folder, by the names in it. A `_manifest.json` of another program makes no
 * output of it.
 */
export async function jobOutputState(folder: string, names: readonly string[]): Promise<JobOutputState> {
  if (names.includes(MANIFEST_NAME) && (await isManifest(join(folder, MANIFEST_NAME)))) return "published";
  return names.includes(WORK_FOLDER) ? "unfinished" : "none";
}

/**
 * The output that `path` is, or is a part of (`out/rows`, `out/rows/a.parquet`), if its job has not published
 * it; else null.
 */
export async function unfinishedOutput(path: string): Promise<string | null> {
  const parent = dirname(path);
  const outputs = [path, ...(isPart(path) ? [parent] : []), ...(isPart(parent) ? [dirname(parent)] : [])];
  for (const folder of outputs) {
    const names = await readdir(folder).catch(() => []);
    if ((await jobOutputState(folder, names)) === "unfinished") return folder;
  }
  return null;
}

function isPart(path: string): boolean {
  return OUTPUT_KINDS.some((kind) => kind === basename(path));
}

async function isManifest(path: string): Promise<boolean> {
  try {
    await using file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.toString("utf8", 0, bytesRead);
    return head.includes('"formatVersion"') && head.includes('"outputDigest"');
  } catch {
    // Nobody can say that it is not: an output is better named as left out than read.
    return true;
  }
}
