import { describe, expect, test } from "vitest";
import { Waiters } from "../../../../coordinator/service/waiters.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";

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
  test("a slot that is free again wakes that worker alone", async () => {
    const { waiters, woken, end } = bothWait({ anna: false, bert: true });
    waiters.wake({ shards: false, freed: [anna] });
    await turn();
    expect(woken).toEqual(["anna"]);
    await end();
  });

  test("shards that become available wake only those that wait for shards", async () => {
    const { waiters, woken, end } = bothWait({ anna: false, bert: true });
    waiters.wake({ shards: true, freed: [] });
    await turn();
    expect(woken).toEqual(["bert"]);
    await end();
    expect(woken).toEqual(["bert", "anna"]);
  });

  test("what happens between a try and the wait after it ends the wait at once", async () => {
    const waiters = new Waiters();
    const waiter = waiters.enter(anna);
    waiter.beginTry();
    waiters.wake({ shards: true, freed: [] });
    await waiter.wait(LONG_MS, true, NEVER);
    waiter.beginTry();
    waiters.wake({ shards: false, freed: [anna] });
    await waiter.wait(LONG_MS, false, NEVER);
  });

  test("what happened before a try does not end the wait after it", async () => {
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

  test("an aborted caller stops waiting, also when it was gone before it began", async () => {
    const waiters = new Waiters();
    const gone = new AbortController();
    const wait = waiters.enter(anna).wait(LONG_MS, true, gone.signal);
    gone.abort();
    await wait;
    await waiters.enter(anna).wait(LONG_MS, true, gone.signal);
  });

  test("time alone ends a wait", async () => {
    await new Waiters().enter(anna).wait(1, true, NEVER);
  });

  test("an answered request is not woken any more", () => {
    const waiters = new Waiters();
    const waiter = waiters.enter(anna);
    waiter[Symbol.dispose]();
    waiter.beginTry();
    waiters.wakeAll();
    let ended = false;
    void waiter.wait(1, true, NEVER).then(() => {
      ended = true;
    });
    expect(ended).toBe(false);
  });

  test("of one worker are few, whatever it asks, and others have theirs", () => {
    const waiters = new Waiters();
    const open = Array.from({ length: 8 }, () => waiters.enter(anna));
    expect(() => waiters.enter(anna)).toThrow(expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }));
    waiters.enter(bert)[Symbol.dispose]();
    open[0]?.[Symbol.dispose]();
    expect(() => waiters.enter(anna)).not.toThrow();
  });
});
