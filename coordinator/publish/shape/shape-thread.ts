import { NEVER } from "../../../shared/core/abort.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { serveOwner } from "../../../shared/core/remote/serve-owner.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { planSortedParts } from "../../../shared/rows/plan-sorted-parts.ts";
import { sortPart } from "../../../shared/rows/sort-part.ts";
import { TextWriter } from "../../../shared/sql/text-writer.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { ShapeThread } from "./shape-apart.ts";
import { shapeRows } from "./shape-rows.ts";

serveOwner<ShapeThread>({
  async shape(job, { signal, emit }) {
    await using storages = new Storages({}, job.stores);
    return await shapeRows(job, await storages.at(job.stage), emit, signal);
  },
  async planSorted({ stage, stores, ...sorted }, { signal }) {
    await using storages = new Storages({}, stores);
    return await planSortedParts(sorted, { storage: await storages.at(stage), signal });
  },
  async sortPart({ stage, stores, location, scratch, ...part }, { signal }) {
    await using storages = new Storages({}, stores);
    await using local = createLocalStorage();
    const folder = parseLocation(scratch);
    await local.remove(folder, signal);
    try {
      await makeFolders(scratch);
      await using textWriter = new TextWriter(part.ending, scratch);
      const storage = await storages.at(stage);
      return await sortPart(part, location, { storage, scratch, textWriter, signal });
    } finally {
      await local.remove(folder, NEVER);
    }
  },
});
