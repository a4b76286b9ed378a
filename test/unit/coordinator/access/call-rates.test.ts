import { describe, expect, test } from "vitest";
import { CallRates } from "../../../../coordinator/access/call-rates.ts";
import type { Identity } from "../../../../coordinator/access/judge.ts";
import type { Callers, CallKind } from "../../../../shared/access/callers.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";

const TOKEN: Identity = { name: "token 1 (fleet)", token: null };
const OTHER: Identity = { name: "token 2 (other)", token: null };

/** Returns how many of a number of simultaneous calls are accepted. */
function authorize(
  rates: CallRates,
  calls: number,
  [who, callers, peer]: readonly [Identity, Callers, string],
): number {
  let count = 0;
  for (let call = 0; call < calls; call += 1)
    try {
      rates.call(who, callers, peer);
      count += 1;
    } catch (error) {
      if (!isShardmillError(error, "RESOURCE_EXHAUSTED")) throw error;
    }
  return count;
}

describe("call rates", () => {
  test.each([
    ["submit", 200, 20],
    ["admin", 200, 20],
    ["read", 5_000, 500],
    ["known", 5_000, 500],
    ["anyone", 5_000, 500],
    ["work", 10_000, 2_000],
  ] as const)(
    "callers of kind %s may make %i calls at once, then %i calls a second",
    (callers, burst, perS) => {
      let nowMs = 0;
      const rates = new CallRates(() => nowMs);
      const caller = [TOKEN, callers, "10.0.0.1:5000"] as const;
      expect(authorize(rates, burst + 10, caller)).toBe(burst);
      nowMs += 1_000;
      expect(authorize(rates, perS + 10, caller)).toBe(perS);
    },
  );

  test("a flood of calls is refused only to the identity, address or connection that makes it", () => {
    const rates = new CallRates(() => 0);
    const flood = (callers: Callers) => authorize(rates, 20_000, [TOKEN, callers, "10.0.0.1:5000"]);
    for (const callers of ["read", "submit", "anyone", "work"] as const) flood(callers);
    const isLet = (who: Identity, callers: Callers, peer: string) =>
      authorize(rates, 1, [who, callers, peer]) === 1;
    // The same token from another address, and another token from the same address.
    expect(isLet(TOKEN, "read", "10.0.0.2:1")).toBe(false);
    expect(isLet(OTHER, "read", "10.0.0.1:5000")).toBe(true);
    expect(isLet(OTHER, "submit", "10.0.0.1:5000")).toBe(true);
    expect(isLet(OTHER, "anyone", "10.0.0.1:9")).toBe(false);
    expect(isLet(OTHER, "anyone", "[::1]:9")).toBe(true);
    expect(isLet(TOKEN, "work", "10.0.0.1:5000")).toBe(false);
    expect(isLet(TOKEN, "work", "10.0.0.1:5001")).toBe(true);
    expect(rates.refused).toMatchObject({ read: 15_001, submit: 19_800, work: 10_001 } satisfies Partial<
      Record<CallKind, number>
    >);
  });

  test("calls with the secret are counted for each connection, so a flood on one does not limit another", () => {
    const rates = new CallRates(() => 0);
    const owner: Identity = { name: "secret", token: null };
    expect(authorize(rates, 300, [owner, "submit", "127.0.0.1:1"])).toBe(200);
    expect(authorize(rates, 300, [owner, "submit", "127.0.0.1:2"])).toBe(200);
  });

  test("2,000 workers with one token and one address may each make 20 calls a second", () => {
    let nowMs = 0;
    const rates = new CallRates(() => nowMs);
    for (let second = 0; second < 3; second += 1) {
      for (let worker = 0; worker < 2_000; worker += 1)
        expect(authorize(rates, 20, [TOKEN, "work", `203.0.113.1:${10_000 + worker}`])).toBe(20);
      nowMs += 1_000;
    }
    expect(rates.refused.work).toBe(0);
  });

  test("a refused call reports after how long to retry", () => {
    const rates = new CallRates(() => 0);
    authorize(rates, 200, [TOKEN, "submit", "a:1"]);
    expect(() => rates.call(TOKEN, "submit", "a:1")).toThrow(
      expect.objectContaining({ code: "RESOURCE_EXHAUSTED", fields: { retryMs: 50 } }),
    );
  });
});

describe("open calls", () => {
  /** Opens as many calls as possible. Returns their number, and a function that ends the first. */
  function openAll(rates: CallRates, [who, callers, peer]: readonly [Identity, Callers, string]) {
    let end = () => {};
    for (let count = 0; ; count += 1)
      try {
        const ended = rates.open(who, callers, peer);
        if (count === 0) end = ended;
      } catch (error) {
        expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", fields: { retryMs: 1_000 } });
        return { count, end };
      }
  }

  test("one identity has at most 128 open calls, from all its addresses together, until one ends", () => {
    const rates = new CallRates(() => 0);
    const { count, end } = openAll(rates, [TOKEN, "read", "a:1"]);
    expect(count).toBe(128);
    expect(openAll(rates, [TOKEN, "known", "b:2"]).count).toBe(0);
    expect(openAll(rates, [TOKEN, "submit", "a:1"]).count).toBe(128);
    expect(openAll(rates, [OTHER, "read", "a:1"]).count).toBe(128);
    end();
    expect(openAll(rates, [TOKEN, "read", "b:2"]).count).toBe(1);
    expect(rates.refused).toMatchObject({ read: 4, submit: 1 });
  });

  test("open calls are counted by connection for the secret, by address for anyone, and not for workers", () => {
    const rates = new CallRates(() => 0);
    const owner: Identity = { name: "secret", token: null };
    const anyone: Identity = { name: "anyone", token: null };
    expect(openAll(rates, [owner, "read", "a:1"]).count).toBe(128);
    expect(openAll(rates, [owner, "read", "a:2"]).count).toBe(128);
    expect(openAll(rates, [anyone, "anyone", "a:1"]).count).toBe(256);
    expect(openAll(rates, [anyone, "anyone", "a:2"]).count).toBe(0);
    for (let call = 0; call < 4_000; call += 1) rates.open(TOKEN, "work", "a:1");
  });
});

test("one identity may send 64 MiB at once, then 4 MiB a second, and workers have no such limit", () => {
  let nowMs = 0;
  const rates = new CallRates(() => nowMs);
  const send =
    (who: Identity, callers: Callers = "submit") =>
    () =>
      rates.message(who, callers, { peer: "a:1", bytes: 4 << 20 });
  for (let message = 0; message < 16; message += 1) send(TOKEN)();
  expect(send(TOKEN)).toThrow(expect.objectContaining({ fields: { retryMs: 1_000 } }));
  expect(send(OTHER)).not.toThrow();
  for (let message = 0; message < 100; message += 1) send(TOKEN, "work")();
  nowMs += 1_000;
  expect(send(TOKEN)).not.toThrow();
  expect(send(TOKEN)).toThrow(expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }));
});

test("callers that stop calling are forgotten", () => {
  let nowMs = 0;
  const rates = new CallRates(() => nowMs);
  for (let caller = 0; caller < 100_000; caller += 1) {
    nowMs += 1;
    rates.call(TOKEN, "work", `10.0.0.1:${caller}`);
  }
  expect(rates.size).toBe(30_000);
});
