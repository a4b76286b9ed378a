import { NEVER } from "../../../shared/core/abort.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { serveOwner } from "../../../shared/core/remote/serve-owner.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { planSortedParts } from "../../../shared/rows/plan-sorted-parts.ts";
import { type PartsPlace, writeParts } from "../../../shared/rows/write-parts.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { orderFile } from "./order-file.ts";
import type { ShapeThread, ThreadPlace } from "./shape-apart.ts";

serveOwner<ShapeThread>({
  orderFile: ({ at, ...file }, { signal }) => inScratch(at, (place) => orderFile(file, place), signal),
  planSorted: ({ at, ...sorted }, { signal }) =>
    inScratch(at, (place) => planSortedParts(sorted, place), signal),
  writeParts: ({ at, ...parts }, { signal, emit }) =>
    inScratch(at, (place) => writeParts(parts, place, emit), signal),
});

async function inScratch<T>(
  { folder, scratch, stores }: ThreadPlace,
  work: (place: PartsPlace) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await using storages = new Storages({}, stores);
  await using local = createLocalStorage();
  await local.remove(parseLocation(scratch), signal);
  try {
    await makeFolders(scratch);
    const storage = await storages.at(folder);
    return await work({ storage, from: storage, folder, scratch, signal });
  } finally {
    await local.remove(parseLocation(scratch), NEVER);
  }
}
