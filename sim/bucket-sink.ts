import { join } from "node:path";
import type { Disk } from "../shared/core/disk.ts";
import { makeFolders } from "../shared/core/make-folders.ts";
import { below, type Location } from "../shared/domain/location.ts";
import { asStorageErrors } from "../shared/storage/errors.ts";
import { sourceOfBytes } from "../shared/storage/put-source.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { PartialSink } from "../worker/write/partial-sink.ts";

/** Opens a sink that makes a partial on the worker's disk and puts it into a bucket file by file. */
export async function openBucketSink(
  target: Location,
  { storage, disk, scratch }: { readonly storage: Storage; readonly disk: Disk; readonly scratch: string },
): Promise<PartialSink> {
  const path = join(scratch, target.replaceAll("/", "_"));
  await asStorageErrors("make", path, () => makeFolders(path, disk));
  return {
    path,
    seal: (files, signal) =>
      asStorageErrors("read", path, async () => {
        for (const { name } of files) {
          const source = sourceOfBytes(await disk.readFile(join(path, name)));
          await storage.put(below(target, name), source, { ifAbsent: true, signal });
        }
        await disk.remove(path);
      }),
    discard: () => disk.remove(path),
  };
}
