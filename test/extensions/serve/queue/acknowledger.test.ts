import { expect, it } from "vitest";
import { Acknowledger } from "../../../../extensions/serve/queue/acknowledger.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import type { Delivery, QueueSource } from "../../../../shared/extension/queue-source.ts";

class Settling {
  readonly told: string[] = [];
  readonly abort = new AbortController();
  isAway = false;
  #due: (() => void)[] = [];
  readonly settler: Acknowledger;

  constructor() {
    const tell = async (what: string, count: number) => {
      if (this.isAway) throw new Error("the broker is unavailable");
      this.told.push(`${count} ${what}`);
    };
    const source: Partial<QueueSource> = {
      done: (deliveries) => tell("done", deliveries.length),
      deadLetter: (failed) => tell("deadLettered", failed.length),
    };
    this.settler = new Acknowledger({
      source: source as QueueSource,
      clock: {
        after: (_ms, call) => {
          this.#due.push(call);
          return () => {};
        },
      },
      log: silentLogger,
      counts: { add: () => {} },
      signal: this.abort.signal,
    });
  }

  get waits(): number {
    return this.#due.length;
  }

  async tick(): Promise<void> {
    for (const call of this.#due.splice(0)) call();
    await new Promise(setImmediate);
  }
}

const aDelivery: Delivery = { messageId: null, body: new Uint8Array(), sentMs: null, isAgain: false };

it("messages outside windows are acknowledged in groups, and again after the broker was unavailable", async () => {
  const settling = new Settling();
  const { settler } = settling;
  settler.soon(aDelivery, { kind: "done" }, "duplicate");
  settler.soon(aDelivery, { kind: "done" }, "duplicate");
  settler.soon(aDelivery, { kind: "dead-letter", reason: "MESSAGE_INVALID: none" }, "deadLettered");
  settling.isAway = true;
  await settling.tick();
  expect([settling.told, settling.waits]).toEqual([[], 1]);
  settling.isAway = false;
  await settling.tick();
  expect(settling.told).toEqual(["1 deadLettered", "2 done"]);
  await settling.tick();
  expect([settling.told.length, settling.waits]).toEqual([2, 0]);
});

it("an abort ends the retries of an acknowledgement that the broker does not accept", async () => {
  const settling = new Settling();
  settling.settler.soon(aDelivery, { kind: "done" }, "duplicate");
  settling.isAway = true;
  settling.abort.abort();
  await settling.settler.flush();
  expect(settling.waits).toBeLessThanOrEqual(1);
  await settling.tick();
  expect(settling.waits).toBe(0);
});
