import { describe, expect, test } from "vitest";
import { decodeFrames, encodeHeader, encodeRecord } from "../../../../coordinator/journal/framing.ts";
import { JournalWriter, type SegmentFile } from "../../../../coordinator/journal/journal-writer.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { type Deferred, deferred } from "../../../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../../../shared/core/errors.ts";
import { granted } from "./builders.ts";

/** A file whose calls wait until the test continues them. */
class GatedFile implements SegmentFile {
  readonly calls: string[] = [];
  written: Buffer = Buffer.alloc(0);
  #gates: Deferred<void>[] = [];
  closed = false;

  append(bytes: Buffer): Promise<void> {
    const records = decodeFrames(Buffer.concat([encodeHeader(1), bytes])).records.length;
    return this.#gate(`append ${records}`, () => {
      this.written = Buffer.concat([this.written, bytes]);
    });
  }

  sync(): Promise<void> {
    return this.#gate("sync", () => {});
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Ends the current call with success, or with `error`. */
  async open(error?: Error): Promise<void> {
    await settle();
    const gate = this.#gates.shift();
    if (gate === undefined) throw new Error("no call is pending");
    if (error === undefined) gate.resolve();
    else gate.reject(error);
    await settle();
  }

  get records(): JournalRecord[] {
    return decodeFrames(Buffer.concat([encodeHeader(1), this.written])).records;
  }

  async #gate(call: string, effect: () => void): Promise<void> {
    this.calls.push(call);
    const gate = deferred<void>();
    this.#gates.push(gate);
    await gate.promise;
    effect();
  }
}

/** Waits until all code that waits for no other has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const failed = expect.toSatisfy((error) => isShardmillError(error, "JOURNAL_FAILED"));
const durable = { durable: true };
const soon = { durable: false };

describe("group commit", () => {
  test("records appended during a sync are written together in the next", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file);
    const first = journal.append(granted(1), durable);
    await settle();
    const rest = [2, 3, 4].map((sequence) => journal.append(granted(sequence), durable));
    expect(file.calls).toEqual(["append 1"]);
    await file.open();
    await file.open();
    await first;
    expect(file.calls).toEqual(["append 1", "sync", "append 3"]);
    await file.open();
    await file.open();
    await Promise.all(rest);
    expect(file.calls).toEqual(["append 1", "sync", "append 3", "sync"]);
    expect(file.records).toEqual([1, 2, 3, 4].map(granted));
  });

  test("records appended in the pause after a write are written together, and the first needs no pause", async () => {
    const file = new GatedFile();
    const pauses: Deferred<void>[] = [];
    const journal = new JournalWriter(file, {
      pause: () => {
        const pause = deferred<void>();
        pauses.push(pause);
        return pause.promise;
      },
    });
    const first = journal.append(granted(1), soon);
    await file.open();
    await first;
    const rest = [2, 3].map((sequence) => journal.append(granted(sequence), durable));
    await settle();
    expect(file.calls).toEqual(["append 1"]);
    pauses[0]?.resolve();
    await file.open();
    await file.open();
    await Promise.all(rest);
    expect(file.calls).toEqual(["append 1", "append 2", "sync"]);
    pauses[1]?.resolve();
  });

  test("a durable append is acknowledged after the sync, not after the write", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file);
    let acknowledged = false;
    const written = journal.append(granted(1), durable).then(() => {
      acknowledged = true;
    });
    await file.open();
    expect(acknowledged).toBe(false);
    await file.open();
    await written;
    expect(acknowledged).toBe(true);
  });

  test("records that need not be durable are written without a sync", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file);
    const written = journal.append(granted(1), soon);
    await file.open();
    await written;
    expect(file.calls).toEqual(["append 1"]);
  });

  test("close writes and syncs queued records once, and refuses later records", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file);
    const written = journal.append(granted(1), soon);
    const closing = [journal.close(), journal.close()];
    await file.open();
    await written;
    expect(file.closed).toBe(false);
    await file.open();
    await Promise.all(closing);
    expect([file.closed, file.calls]).toEqual([true, ["append 1", "sync"]]);
    await expect(journal.append(granted(2), soon)).rejects.toEqual(failed);
  });
});

describe("a journal after a failure", () => {
  test.each(["write", "sync"] as const)(
    "after a failed %s, pending, queued and later records are refused, and nothing is retried",
    async (what) => {
      const file = new GatedFile();
      const journal = new JournalWriter(file);
      const first = journal.append(granted(1), durable);
      await settle();
      const queued = journal.append(granted(2), durable);
      queued.catch(() => {});
      const refused = expect(first).rejects.toEqual(failed);
      if (what === "sync") await file.open();
      await file.open(new Error("no space left on device"));
      await refused;
      await expect(queued).rejects.toEqual(failed);
      await expect(journal.append(granted(3), durable)).rejects.toThrow("no space left on device");
      expect(file.calls).toEqual(what === "sync" ? ["append 1", "sync"] : ["append 1"]);
      await journal.close();
      expect([file.closed, file.calls.length]).toEqual([true, what === "sync" ? 2 : 1]);
    },
  );

  test("if the last sync fails, close rejects, and the file is still closed", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file);
    const closing = expect(journal.close()).rejects.toEqual(failed);
    await file.open(new Error("input/output error"));
    await closing;
    expect(file.closed).toBe(true);
  });
});

test("a queue that exceeds its limit fails the journal", async () => {
  const file = new GatedFile();
  const journal = new JournalWriter(file);
  const large: JournalRecord = { kind: "jobCancelled", reason: "x".repeat(20 * 1024 * 1024) };
  const appended = [1, 2, 3].map(() => journal.append(large, soon));
  for (const written of appended) written.catch(() => {});
  await expect(journal.append(large, soon)).rejects.toEqual(failed);
  await expect(journal.append(granted(1), soon)).rejects.toEqual(failed);
  await journal.close();
});

test("a single record may exceed the limit of the queue", async () => {
  const file = new GatedFile();
  const journal = new JournalWriter(file);
  const large: JournalRecord = { kind: "jobCancelled", reason: "x".repeat(65 * 1024 * 1024) };
  const written = journal.append(large, soon);
  await file.open();
  await written;
  expect(file.written.length).toBe(encodeRecord(large).length);
});

describe("a journal without its lock", () => {
  const lost = new ShardmillError("OUTPUT_LOCKED", "another holds it");
  const refused = expect.toSatisfy((error) => isShardmillError(error, "OUTPUT_LOCKED"));

  test("a process that lost the lock writes nothing", async () => {
    const file = new GatedFile();
    const journal = new JournalWriter(file, { confirm: () => Promise.reject(lost) });
    await expect(journal.append(granted(1), durable)).rejects.toEqual(refused);
    await expect(journal.append(granted(2), soon)).rejects.toEqual(refused);
    expect(file.calls).toEqual([]);
  });

  test("a process that loses the lock during a write does not acknowledge that write", async () => {
    const file = new GatedFile();
    let held = true;
    const confirm = () => (held ? Promise.resolve() : Promise.reject(lost));
    const journal = new JournalWriter(file, { confirm });
    const written = journal.append(granted(1), durable);
    written.catch(() => {});
    await file.open();
    held = false;
    await file.open();
    await expect(written).rejects.toEqual(refused);
    await expect(journal.append(granted(2), durable)).rejects.toEqual(refused);
    expect(file.records).toEqual([granted(1)]);
  });
});
