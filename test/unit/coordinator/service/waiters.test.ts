import { describe, expect, test } from "vitest";
import { Waiters } from "../../../../coordinator/service/waiters.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const anna = workerSession("anna");
const bert = workerSession("bert");
const LONG_MS = 60_000;

/**
 * Starts lease requests of both workers, which wait for shards or for a slot. `woken` lists the woken ones.
 */
function bothWait(lacksShards: { readonly anna: boolean; readonly bert: boolean }) {
  const waiters = new Waiters();
  const woken: string[] = [];
  const waits = [
    waiters
      .enter(anna)
      .wait(LONG_MS, lacksShards.anna, NEVER)
      .then(() => woken.push("anna")),
    waiters
      .enter(bert)
      .wait(LONG_MS, lacksShards.bert, NEVER)
      .then(() => woken.push("bert")),
  ];
  const end = async () => {
    waiters.wakeAll();
    await Promise.all(waits);
  };
  return { waiters, woken, end };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("waiting lease requests", () => {
  test("a freed slot wakes only its own worker", async () => {
    const { waiters, woken, end } = bothWait({ anna: false, bert: true });
    waiters.wake({ shards: false, freed: [anna] });
    await turn();
    expect(woken).toEqual(["anna"]);
    await end();
  });

  test("shards that become available wake only requests that wait for shards", async () => {
    const { waiters, woken, end } = bothWait({ anna: false, bert: true });
    waiters.wake({ shards: true, freed: [] });
    await turn();
    expect(woken).toEqual(["bert"]);
    await end();
    expect(woken).toEqual(["bert", "anna"]);
  });

  test("a wake-up between a try and its wait ends the wait at once", async () => {
    const waiters = new Waiters();
    const waiter = waiters.enter(anna);
    waiter.beginTry();
    waiters.wake({ shards: true, freed: [] });
    await waiter.wait(LONG_MS, true, NEVER);
    waiter.beginTry();
    waiters.wake({ shards: false, freed: [anna] });
    await waiter.wait(LONG_MS, false, NEVER);
  });

  test("a wake-up before a try does not end the wait after it", async () => {
    const waiters = new Waiters();
    const waiter = waiters.enter(anna);
    waiters.wake({ shards: true, freed: [anna] });
    waiter.beginTry();
    let ended = false;
    const wait = waiter.wait(LONG_MS, true, NEVER).then(() => {
      ended = true;
    });
    await turn();
    expect(ended).toBe(false);
    waiters.wakeAll();
    await wait;
  });

  test("an aborted request stops waiting, also if it was aborted before its wait", async () => {
    const waiters = new Waiters();
    const gone = new AbortController();
    const wait = waiters.enter(anna).wait(LONG_MS, true, gone.signal);
    gone.abort();
    await wait;
    await waiters.enter(anna).wait(LONG_MS, true, gone.signal);
  });

  test("a wait ends after its time", async () => {
    await new Waiters().enter(anna).wait(1, true, NEVER);
  });

  test("a completed request is no longer woken", async () => {
    const clock = new VirtualClock();
    const waiters = new Waiters(clock);
    const [waiter, other] = [waiters.enter(anna), waiters.enter(anna)];
    waiter[Symbol.dispose]();
    let ended = false;
    const wait = waiter.wait(LONG_MS, true, NEVER).then(() => {
      ended = true;
    });
    waiters.wake({ shards: true, freed: [anna] });
    waiters.wakeAll();
    await other.wait(LONG_MS, true, NEVER);
    await turn();
    expect(ended).toBe(false);
    await clock.until(wait);
    expect(clock.nowMs()).toBe(LONG_MS);
  });

  test("one worker has at most eight waiting requests, and other workers have their own", () => {
    const waiters = new Waiters();
    const open = Array.from({ length: 8 }, () => waiters.enter(anna));
    expect(() => waiters.enter(anna)).toThrow(expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }));
    waiters.enter(bert)[Symbol.dispose]();
    open[0]?.[Symbol.dispose]();
    expect(() => waiters.enter(anna)).not.toThrow();
  });
});
