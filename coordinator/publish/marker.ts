import { below } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { OutputPaths } from "./work-paths.ts";

type Marked = Pick<OutputManifest, "marker">;

/** Whether the marker that an output is to have is there. */
export async function isMarked(
  { output }: Pick<OutputPaths, "output">,
  { marker }: Marked,
  storage: Pick<Storage, "kindAt">,
): Promise<boolean> {
  return marker === undefined || (await storage.kindAt(below(output, marker))) !== null;
}

/** After the manifest, so that whoever waits for it finds all; it may be placed again. */
export async function placeMarker(
  { output }: Pick<OutputPaths, "output">,
  { marker }: Marked,
  storage: Pick<Storage, "put" | "sync">,
): Promise<void> {
  if (marker !== undefined) await storage.put(below(output, marker), sourceOfBytes(""));
  await storage.sync(output);
}
