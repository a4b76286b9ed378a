import { workerData } from "node:worker_threads";
import { NEVER } from "../../../shared/core/abort.ts";
import { serveOwner } from "../../../shared/core/remote/serve-owner.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { FolderCount } from "./folder-count.ts";
import type { CountedFile, FolderCounterOptions, FolderCounterThread } from "./folder-counter.ts";

const { partitionBy, format, stores }: FolderCounterOptions = workerData;
const storages = new Storages({}, stores);
const count = new FolderCount(partitionBy);

serveOwner<FolderCounterThread>({ add: addFile });

/** Reads only the columns that name folders. */
async function addFile({ location, bytes, rows }: CountedFile): Promise<void> {
  const source = byteSource(await storages.at(location), location, bytes);
  using file = await openDatasetFile(source, format, NEVER);
  for await (const batch of file.read({ rowStart: 0, rowEnd: rows, columns: partitionBy, signal: NEVER }))
    count.add(batch);
}
