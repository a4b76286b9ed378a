import { serveOwner } from "../../../shared/core/remote/serve-owner.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { ShapeThread } from "./shape-apart.ts";
import { shapeRows } from "./shape-rows.ts";

serveOwner<ShapeThread>({
  async shape(job, { signal, emit }) {
    await using storages = new Storages({}, job.stores);
    return await shapeRows(job, await storages.at(job.stage), emit, signal);
  },
});
