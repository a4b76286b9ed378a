import { type ChildProcess, fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../core/package-root.ts";

/** SQL yields to whoever serves workers, on a machine that is full. */
const NICENESS = 5;

/** How long a process without a database waits for the next one. Loading DuckDB takes a fifth of a second. */
const SPARE_MS = 30_000;

let spare: { readonly child: ChildProcess; readonly timer: NodeJS.Timeout } | null = null;

/** Starts a process for SQL that will be wanted soon, unless one waits already. */
export function warmSqlProcess(): void {
  if (spare === null) keepSqlProcess(start());
}

/** A process without a database: the one that waits, or a new one. */
export function takeSqlProcess(): ChildProcess {
  if (spare === null) return start();
  const { child, timer } = spare;
  spare = null;
  clearTimeout(timer);
  child.removeListener("exit", forget).removeListener("error", forget);
  if (!child.connected) return start();
  child.ref();
  child.channel?.ref();
  return child;
}

/**
 * Keeps a process whose database is closed for whoever comes next; one is enough. Nobody waits for it to end
 * this process.
 */
export function keepSqlProcess(child: ChildProcess): void {
  if (spare !== null || !child.connected) {
    child.kill("SIGKILL");
    return;
  }
  const timer = setTimeout(() => {
    spare = null;
    child.kill("SIGKILL");
  }, SPARE_MS).unref();
  spare = { child, timer };
  child.once("exit", forget).once("error", forget);
  child.unref();
  child.channel?.unref();
}

function forget(this: ChildProcess): void {
  if (spare?.child !== this) return;
  clearTimeout(spare.timer);
  spare = null;
}

function start(): ChildProcess {
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
}
