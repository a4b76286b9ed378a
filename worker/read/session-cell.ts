import { type WorkerSession, workerSession } from "../../shared/domain/worker.ts";

/** Longer than any session. */
const CELL_BYTES = 256;

/**
 * The session of a worker as all its threads see it: it changes when the coordinator was started anew, and
 * whoever reads or stores through the coordinator must then use the new one. Shared memory: no thread has to
 * be told, and none is late.
 *
 * The first byte is the length of what follows, in ASCII. A reader that meets a change half way gets a
 * session that nobody knows: it is refused, and asks again.
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
