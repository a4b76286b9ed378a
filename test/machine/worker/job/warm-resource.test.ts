import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { WarmResource } from "../../../../worker/job/warm-resource.ts";

class Thing implements AsyncDisposable {
  closed = 0;
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
  }
}

const never = new AbortController().signal;

test("a resource whose close is requested while it opens stays open for a waiting use", async () => {
  const thing = new Thing();
  const opening = deferred<Thing>();
  const working = deferred<void>();
  const kept = new WarmResource(opening.promise);
  const seen = kept.use(async (open) => {
    await working.promise;
    return open.closed;
  }, never);
  const closed = kept.closeWhenIdle();
  opening.resolve(thing);
  await setImmediate();
  expect(thing.closed).toBe(0);
  working.resolve();
  expect(await seen).toBe(0);
  await closed;
  expect(thing.closed).toBe(1);
});

test("a resource is closed once, despite several uses and requests to close", async () => {
  const thing = new Thing();
  const kept = new WarmResource(Promise.resolve(thing));
  const uses = [1, 2, 3].map((use) => kept.use(async () => use, never));
  const requested = [kept.closeWhenIdle(), kept.closeWhenIdle()];
  expect(await Promise.all(uses)).toEqual([1, 2, 3]);
  await Promise.all([...requested, kept.closeWhenIdle(), kept.closeNow()]);
  expect(thing.closed).toBe(1);
});

test("a resource stays open between uses until its close is requested", async () => {
  const thing = new Thing();
  const kept = new WarmResource(Promise.resolve(thing));
  await kept.use(async () => {}, never);
  await setImmediate();
  expect(thing.closed).toBe(0);
  expect(await kept.use(async (open) => open.closed, never)).toBe(0);
});

test("a use that is aborted while the resource opens does not keep the resource open", async () => {
  const thing = new Thing();
  const opening = deferred<Thing>();
  const kept = new WarmResource(opening.promise);
  const giveUp = new AbortController();
  const use = kept.use(async () => {}, giveUp.signal);
  const closed = kept.closeWhenIdle();
  giveUp.abort(new Error("enough"));
  await expect(use).rejects.toThrow("enough");
  opening.resolve(thing);
  await closed;
  expect(thing.closed).toBe(1);
});

test("a resource that cannot be opened fails its uses and counts as closed", async () => {
  const kept = new WarmResource<Thing>(Promise.reject(new Error("no model")));
  await expect(kept.use(async () => {}, never)).rejects.toThrow("no model");
  await kept.closeWhenIdle();
});
