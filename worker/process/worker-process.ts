import { exitProcess, tellParent } from "../../shared/core/end-thread.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { FromWorkerProcess } from "./supervisor.ts";

// The entry that a supervisor starts: see worker-main.ts. It loads most of a worker's modules here, so that
// the supervisor hears why they cannot be loaded.
const { workerMain } = await import("./worker-main.ts").catch(async (error) => {
  await tellParent({ kind: "failed", error: errorToData(error) } satisfies FromWorkerProcess);
  exitProcess(1);
});
await workerMain();
