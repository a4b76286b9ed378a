import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { blockingDisk } from "./blocking-disk.ts";
import type { CheckPlace } from "./check-partial.ts";
import { checkPartials } from "./check-partials.ts";
import { countRows } from "./row-counter.ts";

/**
 * Entry of a thread that checks partials: some at a time, as its owner sends them, until its owner ends it.
 */
const port = present(parentPort, "a check thread has a parent");
const place: CheckPlace = workerData;
const tools = { storage: createLocalStorage({ disk: blockingDisk }), countRows };

port.on("message", async (partials: readonly PartialManifest[]) => {
  port.postMessage(await checkPartials(partials, place, tools));
});
