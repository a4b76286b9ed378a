import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../../shared/core/assert.ts";
import { errorToData } from "../../../shared/core/errors.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { ShapeAnswer, ShapeMessage } from "./shape-apart.ts";
import { type ShapeJob, shapeRows } from "./shape-rows.ts";

const port = present(parentPort, "a thread that shapes rows has a parent");
const job: ShapeJob = workerData;
const stop = new AbortController();
port.on("message", () => stop.abort());

async function answer(): Promise<ShapeAnswer> {
  await using storages = new Storages({}, job.stores);
  try {
    const onWritten = (rows: number) => port.postMessage({ kind: "written", rows } satisfies ShapeMessage);
    const storage = await storages.at(job.stage);
    return { kind: "shaped", files: await shapeRows(job, storage, stop.signal, onWritten) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

port.postMessage(await answer());
// With its port closed nothing keeps the thread alive.
port.close();
