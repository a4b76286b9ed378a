import { expect, it } from "vitest";
import { Gatherer } from "../../../../extensions/serve/queue/gatherer.ts";
import { asWindowId, type WindowId } from "../../../../extensions/serve/queue/window-id.ts";
import type { Delivery } from "../../../../shared/extension/queue-source.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";

const LIMITS = { rows: 3, bytes: 1_000, ms: 100, open: 2 };
const REMEMBER_MS = 1_000_000;
const NONE = new Map<string, string>();

function aDelivery(bytes = 1): Delivery {
  return { messageId: null, body: new Uint8Array(bytes), sentMs: null, isAgain: false };
}

const message = (key: string, rows = 1) => ({ key, items: Array.from({ length: rows }, () => key) });

function gathered(keys: readonly string[], gatherer = new Gatherer<string>(LIMITS, REMEMBER_MS)) {
  for (const key of keys) gatherer.offer(aDelivery(), message(key), 0);
  return gatherer;
}

it("a window closes by its rows, its bytes, or the time since its first message", () => {
  expect(gathered([]).closesInMs(0)).toBeNull();
  expect(gathered(["a", "b"]).closesInMs(40)).toBe(60);
  expect(gathered(["a", "b"]).closesInMs(400)).toBe(0);
  expect(gathered(["a", "b", "c"]).closesInMs(0)).toBe(0);
  const byBytes = gathered(["a"]);
  byBytes.offer(aDelivery(999), message("b"), 0);
  expect(byBytes.closesInMs(0)).toBe(0);
  const bundle = gathered([]);
  bundle.offer(aDelivery(), message("a", 7), 0);
  expect([bundle.closesInMs(0), bundle.close(asWindowId("1")).messages[0]?.items.length]).toEqual([0, 7]);
});

it("no message is taken while a full window waits for previous windows", () => {
  const gatherer = gathered(["a"]);
  gatherer.close(asWindowId("1"));
  gathered(["b"], gatherer).close(asWindowId("2"));
  gathered(["c", "d"], gatherer);
  expect([gatherer.takes, gatherer.closesInMs(1_000)]).toEqual([true, null]);
  gathered(["e"], gatherer);
  expect(gatherer.takes).toBe(false);
  gatherer.acknowledge(asWindowId("1"), NONE);
  expect([gatherer.takes, gatherer.closesInMs(0)]).toEqual([true, 0]);
});

it("a repeated message is held until its window is published, and all its deliveries are acknowledged", () => {
  const gatherer = gathered([]);
  const [first, second, third, fourth] = [aDelivery(), aDelivery(), aDelivery(), aDelivery()];
  expect(gatherer.offer(first, message("a"), 0).kind).toBe("gathered");
  expect(gatherer.offer(second, message("a"), 0).kind).toBe("held");
  expect(gatherer.close(asWindowId("1")).messages).toEqual([message("a")]);
  expect(gatherer.offer(third, message("a"), 0).kind).toBe("held");
  expect(gatherer.acknowledge(asWindowId("1"), NONE)).toEqual({
    done: [first, second, third],
    failed: [],
  });
  expect(gatherer.offer(fourth, message("a"), 0).kind).toBe("done");
});

it("a message that a run could not map is dead-lettered, also when it is delivered again", () => {
  const gatherer = gathered([]);
  const [good, bad] = [aDelivery(), aDelivery()];
  gatherer.offer(good, message("a"), 0);
  gatherer.offer(bad, message("b"), 0);
  gatherer.close(asWindowId("1"));
  const reason = "ROW_NULL: x is null";
  const acknowledged = gatherer.acknowledge(asWindowId("1"), new Map([["b", reason]]));
  expect(acknowledged).toEqual({ done: [good], failed: [{ delivery: bad, reason }] });
  expect(gatherer.offer(aDelivery(), message("b"), 0)).toEqual({ kind: "dead-letter", reason });
});

it("keys of acknowledged messages are forgotten after their time, oldest windows first", () => {
  const gatherer = gathered(["a"]);
  gatherer.close(asWindowId("1"));
  gatherer.acknowledge(asWindowId("1"), NONE);
  gathered(["b"], gatherer).close(asWindowId("2"));
  gatherer.acknowledge(asWindowId("2"), NONE);
  expect(gatherer.forget(10 * REMEMBER_MS)).toEqual([]);
  gatherer.acknowledged(asWindowId("1"), 0);
  gatherer.acknowledged(asWindowId("2"), 10);
  expect(gatherer.forget(REMEMBER_MS - 1)).toEqual([]);
  expect(gatherer.forget(REMEMBER_MS + 5)).toEqual(["1"]);
  expect(gatherer.offer(aDelivery(), message("b"), 0).kind).toBe("done");
  expect(gatherer.offer(aDelivery(), message("a"), 0).kind).toBe("gathered");
});

it("draining returns the messages that are in no closed window", () => {
  const gatherer = gathered(["a"]);
  gatherer.close(asWindowId("1"));
  gathered(["b", "c"], gatherer);
  expect(gatherer.drain()).toHaveLength(2);
  expect([gatherer.inFlight, gatherer.closesInMs(1_000)]).toEqual([1, null]);
});

/** A broker, a disk and an output, as left by a process that may exit at any time. */
class World {
  readonly random: SeededRandom;
  /** Keys of waiting messages. Duplicates are separate messages. */
  readonly queue: string[] = [];
  readonly spool = new Map<WindowId, { keys: readonly string[]; acknowledged: boolean }>();
  readonly published = new Map<string, readonly string[]>();
  out = new Map<Delivery, string>();
  gatherer = new Gatherer<string>(LIMITS, REMEMBER_MS);
  nowMs = 0;
  windows = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Returns all delivered messages in any order. The next process starts with the files on the disk. */
  crash(): void {
    for (const key of this.out.values()) this.queue.splice(this.random.int(0, this.queue.length), 0, key);
    this.out = new Map();
    this.gatherer = new Gatherer<string>(LIMITS, REMEMBER_MS);
    for (const [id, { keys, acknowledged }] of this.spool) {
      if (acknowledged) this.gatherer.restoreAcknowledged(id, keys, { failedKeys: NONE, atMs: 0 });
      else this.gatherer.restoreClosed(id, keys);
    }
  }

  take(): boolean {
    const key = this.gatherer.takes ? this.queue.shift() : undefined;
    if (key === undefined) return false;
    const delivery = aDelivery();
    this.out.set(delivery, key);
    if (this.gatherer.offer(delivery, message(key), this.nowMs).kind === "done") this.ack([delivery]);
    return false;
  }

  /** @returns true when the process exited meanwhile */
  close(): boolean {
    if (this.gatherer.closesInMs(this.nowMs) !== 0) return false;
    this.windows += 1;
    const { id, messages } = this.gatherer.close(asWindowId(`w${this.windows}`));
    if (this.#dies()) return true;
    this.spool.set(id, { keys: messages.map(({ key }) => key), acknowledged: false });
    return false;
  }

  publish(): boolean {
    const waiting = [...this.spool].filter(([, { acknowledged }]) => !acknowledged);
    const [id, window] = waiting[this.random.int(0, Math.max(0, waiting.length - 1))] ?? [];
    if (id === undefined || window === undefined) return false;
    // A repeated run finds that it has published.
    this.published.set(id, window.keys);
    if (this.#dies()) return true;
    const { done } = this.gatherer.acknowledge(id, NONE);
    this.ack(done.slice(0, this.random.int(0, done.length)));
    if (this.#dies()) return true;
    this.ack(done);
    if (this.#dies()) return true;
    this.spool.set(id, { ...window, acknowledged: true });
    this.gatherer.acknowledged(id, 0);
    return false;
  }

  /** Acknowledges deliveries, and checks that each is in an output. */
  ack(deliveries: readonly Delivery[]): void {
    const there = new Set([...this.published.values()].flat());
    for (const delivery of deliveries) {
      const key = this.out.get(delivery);
      if (key !== undefined && !there.has(key)) throw new Error(`${key} is acknowledged and in no output`);
      this.out.delete(delivery);
    }
  }

  #dies(): boolean {
    return this.random.int(0, 9) === 0;
  }
}

it("each key is published once, for any redelivery and any exit of the process", () => {
  let crashes = 0;
  let doubles = 0;
  for (let seed = 0; seed < 300; seed += 1) {
    const world = new World(seed);
    const keys = Array.from({ length: world.random.int(1, 40) }, (_, index) => `k${index}`);
    for (const key of keys)
      for (let copies = world.random.int(1, 3); copies > 0; copies -= 1) world.queue.push(key);
    doubles += world.queue.length - keys.length;
    for (let steps = 0; world.queue.length + world.out.size > 0; steps += 1) {
      expect(steps).toBeLessThan(20_000);
      world.nowMs += world.random.int(0, 30);
      const acts = [() => world.take(), () => world.take(), () => world.close(), () => world.publish()];
      const died = acts[world.random.int(0, acts.length - 1)]?.();
      if (died !== true && world.random.int(0, 60) !== 0) continue;
      crashes += 1;
      world.crash();
    }
    expect([...world.published.values()].flat().sort()).toEqual([...keys].sort());
  }
  expect(Math.min(crashes, doubles)).toBeGreaterThan(300);
});
