import type { WorkerStatus } from "../domain/worker.ts";
import { workerStatusCodec } from "./codec-worker.ts";
import { defineMethod, noArguments } from "./method.ts";
import type { Codec } from "./wire-message.ts";

const allWorkersCodec: Codec<readonly WorkerStatus[]> = {
  encode: (statuses) => ({ workers: statuses.map(workerStatusCodec.encode) }),
  decode: (message) => message.list("workers").map(workerStatusCodec.decode),
};

export const workersMethods = {
  listWorkers: defineMethod("WorkersService", "ListWorkers", noArguments, allWorkersCodec),
} as const;
