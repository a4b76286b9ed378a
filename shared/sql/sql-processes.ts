import { fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { offlineEnvironment } from "../core/offline-environment.ts";
import { compiledUrl } from "../core/package-root.ts";
import { SpareProcess } from "../core/spare-process.ts";

/** Niceness of SQL: on a full machine, processes that serve workers come first. */
const NICENESS = 5;

/** Spare processes without a database. */
export const SQL_PROCESSES = new SpareProcess(() => {
  const child = fork(fileURLToPath(compiledUrl("shared/sql/sql-process.ts")), [], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) do not apply to the child.
    execArgv: [],
    env: offlineEnvironment(),
  });
  try {
    if (child.pid !== undefined) setPriority(child.pid, NICENESS);
  } catch {
    // The process ended at once, which its owner detects.
  }
  return child;
});
