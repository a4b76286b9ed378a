import { expect, it } from "vitest";
import { type Pass, ServerGate } from "../../../extensions/ask/server-gate.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const { signal } = new AbortController();
const NO_RATE = { requestsPerMinute: null, tokensPerMinute: null };

function aGate(
  limits: { concurrency: number; requestsPerMinute?: number; tokensPerMinute?: number },
  pauseMs = 0,
) {
  const clock = new VirtualClock();
  return { clock, gate: new ServerGate(() => ({ ...NO_RATE, ...limits }), clock, pauseMs) };
}

/** Lets `count` requests take `ms` each, and returns the times at which they were admitted. */
async function served(
  { clock, gate }: ReturnType<typeof aGate>,
  count: number,
  { ms, tokens = 0 }: { readonly ms: number; readonly tokens?: number },
): Promise<{ readonly atMs: readonly number[]; readonly most: number }> {
  const atMs: number[] = [];
  let atOnce = 0;
  let most = 0;
  const all = Array.from({ length: count }, async () => {
    const pass = await gate.enter(false, signal);
    atMs.push(clock.nowMs());
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise<void>((resolve) => clock.after(ms, resolve));
    atOnce -= 1;
    pass.answered(tokens);
  });
  await clock.until(Promise.all(all));
  return { atMs, most };
}

it("no more requests than the limit run at once, and none waits while there is room", async () => {
  const on = aGate({ concurrency: 4 });
  const { atMs, most } = await served(on, 20, { ms: 50 });
  expect(most).toBe(4);
  expect(on.clock.nowMs()).toBe(250);
  expect(atMs).toEqual([0, 50, 100, 150, 200].flatMap((at) => [at, at, at, at]));
});

it("no minute has more requests than the rate, and the rate is used to 99 %", async () => {
  const on = aGate({ concurrency: 1000, requestsPerMinute: 600 });
  const { atMs } = await served(on, 1500, { ms: 10 });
  const inMinute = atMs.map((start) => atMs.filter((at) => at >= start && at < start + 60_000).length);
  expect(Math.max(...inMinute)).toBeLessThanOrEqual(600);
  expect(Math.max(...inMinute)).toBeGreaterThanOrEqual(597);
});

it("tokens that the server counted delay later requests", async () => {
  const on = aGate({ concurrency: 1, tokensPerMinute: 6000 });
  await served(on, 31, { ms: 10, tokens: 100 });
  expect(on.clock.nowMs()).toBeGreaterThan(29_000);
  expect(on.clock.nowMs()).toBeLessThan(33_000);
});

it("a failure halves the limit once for all requests under way, and answers let it grow back", async () => {
  const { clock, gate } = aGate({ concurrency: 64 });
  const passes: Pass[] = [];
  for (let at = 0; at < 64; at += 1) passes.push(await gate.enter(false, signal));
  clock.skip(1);
  for (const pass of passes) pass.refused(null);
  expect(gate.limit).toBe(32);
  let rounds = 0;
  for (; gate.limit < 64 && rounds < 100; rounds += 1) {
    const round: Pass[] = [];
    while (round.length < gate.limit) round.push(await gate.enter(false, signal));
    for (const pass of round) pass.answered(0);
  }
  expect(rounds).toBeGreaterThan(8);
  expect(rounds).toBeLessThan(32);
});

it("`Retry-After` pauses all requests", async () => {
  const { clock, gate } = aGate({ concurrency: 2 });
  (await gate.enter(false, signal)).refused(7_000);
  await clock.until(gate.enter(false, signal));
  expect(clock.nowMs()).toBe(7_000);
});

it("failures in a row pause all requests, longer each time, to a minute, until an answer", async () => {
  const { clock, gate } = aGate({ concurrency: 8 });
  const pauses: number[] = [];
  for (let failure = 0; failure < 10; failure += 1) {
    const beforeMs = clock.nowMs();
    const pass = await clock.until(gate.enter(false, signal));
    pauses.push(clock.nowMs() - beforeMs);
    clock.skip(1);
    pass.refused(null);
  }
  expect(pauses).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  (await clock.until(gate.enter(false, signal))).answered(0);
  const beforeMs = clock.nowMs();
  clock.skip(1);
  (await gate.enter(false, signal)).refused(null);
  await clock.until(gate.enter(false, signal));
  expect(clock.nowMs() - beforeMs).toBe(1);
});

it("repeated requests go first, and an aborted one takes no place", async () => {
  const { gate } = aGate({ concurrency: 1 });
  const first = await gate.enter(false, signal);
  const order: string[] = [];
  const stop = new AbortController();
  const gone = gate.enter(false, stop.signal).catch(() => order.push("gone"));
  const late = gate.enter(false, signal).then((pass) => [order.push("late"), pass.left()]);
  const again = gate.enter(true, signal).then((pass) => [order.push("again"), pass.left()]);
  stop.abort(new Error("stop"));
  await gone;
  first.answered(0);
  await Promise.all([late, again]);
  expect(order).toEqual(["gone", "again", "late"]);
});

it("the first request waits until other workers know of this one", async () => {
  const { clock, gate } = aGate({ concurrency: 1 }, 10_000);
  await clock.until(gate.enter(false, signal));
  expect(clock.nowMs()).toBe(10_000);
});
