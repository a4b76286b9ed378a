import { expect, test } from "vitest";
import type { TimedClock } from "../../../../shared/core/clock.ts";
import { paced } from "../../../../shared/core/pace.ts";

const PACE = { everyMs: 1_000, leastBytes: 10 };

/** A clock that advances only by the test. A wait longer than the rest ends at once. */
class StepClock implements TimedClock {
  now = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>();

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.now + ms, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  pass(ms: number): void {
    this.now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.now) continue;
      this.#timers.delete(timer);
      timer.call();
    }
  }
}

/** Yields chunks after these waits. Null: waits for ever. */
async function* sender(clock: StepClock, steps: readonly (readonly [ms: number | null, bytes: number])[]) {
  for (const [ms, bytes] of steps) {
    if (ms === null) {
      queueMicrotask(() => clock.pass(PACE.everyMs));
      await new Promise(() => {});
    } else clock.pass(ms);
    yield new Uint8Array(bytes);
  }
}

async function taken(clock: StepClock, chunks: AsyncIterable<Uint8Array>, workMs = 0): Promise<number> {
  let bytes = 0;
  for await (const chunk of paced(chunks, PACE, clock)) {
    bytes += chunk.length;
    clock.pass(workMs);
  }
  return bytes;
}

const tooSlow = expect.objectContaining({ code: "DEADLINE_EXCEEDED" });

test("a sender that keeps the pace is read to its end, however long that takes", async () => {
  const clock = new StepClock();
  const steps = Array.from({ length: 50 }, () => [900, 10] as const);
  expect(await taken(clock, sender(clock, steps))).toBe(500);
});

test("a sender that stops sending fails with DEADLINE_EXCEEDED", async () => {
  const clock = new StepClock();
  await expect(
    taken(
      clock,
      sender(clock, [
        [0, 5],
        [null, 5],
      ]),
    ),
  ).rejects.toEqual(tooSlow);
});

test("a sender of single bytes now and then fails with DEADLINE_EXCEEDED", async () => {
  const clock = new StepClock();
  const steps = Array.from({ length: 5 }, () => [300, 1] as const);
  await expect(taken(clock, sender(clock, steps))).rejects.toEqual(tooSlow);
});

test("the time that a slow reader spends does not count against the sender", async () => {
  const clock = new StepClock();
  const steps = Array.from({ length: 5 }, () => [10, 1] as const);
  expect(await taken(clock, sender(clock, steps), 5_000)).toBe(5);
});
