import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { TryProcess } from "./try-protocol.ts";
import { tryRows } from "./try-rows.ts";

/** Entry point of the process that `tryJob` starts. It runs rows of a job, and emits each. */
serveOwner<TryProcess>({
  async run(task, { emit }) {
    for await (const trace of tryRows(task)) emit(trace);
  },
});
