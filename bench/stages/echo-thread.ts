import { parentPort } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { buffersOf } from "../../worker/lanes/lane-protocol.ts";

/** Lane that infers nothing and returns its feeds. */

const owner = present(parentPort, "an echo is a thread");
owner.on("message", (feeds: Readonly<Record<string, TensorData>>) =>
  owner.postMessage(feeds, buffersOf(feeds)),
);
