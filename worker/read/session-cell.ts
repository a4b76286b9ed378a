import { type WorkerSession, workerSession } from "../../shared/domain/worker.ts";

/** Bound of a session's length. */
const CELL_BYTES = 256;

/**
 * Session of a worker, shared by all its threads. The session changes when the coordinator restarts. Then all
 * reads and writes through the coordinator need the new session. Shared memory delivers it to all threads
 * without messages.
 *
 * The first byte is the length of the following ASCII text. A reader may see a partial change. The
 * coordinator refuses the resulting unknown session, and the reader retries.
 */
export type SessionCell = SharedArrayBuffer;

export function sessionCell(session: WorkerSession): SessionCell {
  const cell = new SharedArrayBuffer(CELL_BYTES);
  setSession(cell, session);
  return cell;
}

export function setSession(cell: SessionCell, session: WorkerSession): void {
  const bytes = new Uint8Array(cell);
  const text = Buffer.from(session, "latin1");
  if (text.length >= CELL_BYTES) throw new Error(`broken invariant: a session of ${text.length} bytes`);
  bytes.set(text, 1);
  Atomics.store(bytes, 0, text.length);
}

export function sessionIn(cell: SessionCell): WorkerSession {
  const bytes = new Uint8Array(cell);
  const length = Atomics.load(bytes, 0);
  return workerSession(Buffer.from(bytes.slice(1, 1 + length)).toString("latin1"));
}
