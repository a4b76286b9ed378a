import { fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../core/package-root.ts";
import { SpareProcess } from "../core/spare-process.ts";

/** SQL yields to whoever serves workers, on a machine that is full. */
const NICENESS = 5;

/** Processes without a database. */
export const SQL_PROCESSES = new SpareProcess(() => {
  const child = fork(fileURLToPath(compiledUrl("shared/sql/sql-process.ts")), [], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) are not the child's.
    execArgv: [],
  });
  try {
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
  } catch {
    // It ended at once, which its owner is told.
  }
  return child;
});
