import { killProcess } from "../../shared/core/end-thread.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { FromTryProcess, TryTask } from "./try-protocol.ts";
import { tryRows } from "./try-rows.ts";

// The entry that `tryJob` starts: it runs rows of a job, and tells of each.
process.on("SIGINT", () => {});
process.on("disconnect", killProcess);
process.once("message", (task: TryTask) => void run(task));

async function run(task: TryTask): Promise<void> {
  try {
    for await (const trace of tryRows(task)) tell({ kind: "row", trace });
    tell({ kind: "ended" });
  } catch (error) {
    tell({ kind: "failed", error: errorToData(error) });
  }
}

function tell(message: FromTryProcess): void {
  process.send?.(message);
}
