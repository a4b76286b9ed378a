import { workerStatusCodec } from "./codec-worker.ts";
import { field } from "./field.ts";
import { defineMethod, noArguments } from "./method.ts";
import { onlyField } from "./table-codec.ts";

const allWorkers = onlyField("workers", field.list(workerStatusCodec));

export const workersMethods = {
  listWorkers: defineMethod("WorkersService", "ListWorkers", noArguments, allWorkers),
} as const;
