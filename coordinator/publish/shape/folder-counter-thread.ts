import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../../shared/core/assert.ts";
import { errorToData } from "../../../shared/core/errors.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { FolderCount } from "./folder-count.ts";
import type { CountedFile, FolderAnswer, FolderCounterOptions } from "./folder-counter.ts";

/** Entry of a thread that counts folders: file by file, as its owner names them, until its owner ends it. */
const port = present(parentPort, "a thread that counts folders has a parent");
const { partitionBy, format, stores }: FolderCounterOptions = workerData;
const storages = new Storages({}, stores);
const count = new FolderCount(partitionBy);

port.on("message", async ({ id, location, bytes, rows }: CountedFile & { readonly id: number }) => {
  const answer = await addFile({ location, bytes, rows }).then(() => null, errorToData);
  port.postMessage({ id, error: answer } satisfies FolderAnswer);
});

/** Reads nothing but the columns that name folders. */
async function addFile({ location, bytes, rows }: CountedFile): Promise<void> {
  const source = byteSource(await storages.at(location), location, bytes);
  using file = await openDatasetFile(source, format);
  for await (const batch of file.read({ rowStart: 0, rowEnd: rows, columns: partitionBy })) count.add(batch);
}
