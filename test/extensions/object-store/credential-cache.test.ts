import { expect, test, vi } from "vitest";
import { type AwsCredentials, noCredentials } from "../../../extensions/aws/credentials.ts";
import { CredentialCache } from "../../../extensions/object-store/credential-cache.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { type TakenBefore, takenHere } from "../../../shared/storage/taken-before.ts";

const MINUTE_MS = 60_000;
/** Random numbers that give the full length of each pause. */
const constantRandom = { unit: () => 1, hex: () => "" };

function rig(lifeMs: number | null, options: { readonly taken?: TakenBefore } = {}) {
  const requested: boolean[] = [];
  const world = { nowMs: 0, isDown: false };
  const pauses: number[] = [];
  const clock = {
    nowMs: () => world.nowMs,
    wallMs: () => world.nowMs,
    after(ms: number, call: () => void) {
      pauses.push(ms);
      world.nowMs += ms;
      setImmediate(call);
      return () => {};
    },
  };
  const cache = new CredentialCache(
    async ({ forceRefresh }): Promise<AwsCredentials> => {
      requested.push(forceRefresh);
      if (world.isDown) throw noCredentials("S3", new Error("no answer from 169.254.169.254"));
      const expiration = lifeMs === null ? {} : { expiration: new Date(world.nowMs + lifeMs) };
      return { accessKeyId: `key ${requested.length}`, secretAccessKey: "hunter2", ...expiration };
    },
    { clock, random: constantRandom, ...options },
  );
  return { cache, requested, world, pauses };
}

test("concurrent callers share credentials, which are renewed when a tenth of their lifetime is left", async () => {
  const { cache, requested, world } = rig(60 * MINUTE_MS);
  const all = await Promise.all(Array.from({ length: 20 }, () => cache.get(NEVER)));
  expect(new Set(all).size).toBe(1);
  world.nowMs = 53 * MINUTE_MS;
  expect((await cache.get(NEVER)).accessKeyId).toBe("key 1");
  world.nowMs = 55 * MINUTE_MS;
  expect((await cache.get(NEVER)).accessKeyId).toBe("key 2");
  expect(requested).toEqual([false, false]);
});

test("credentials without an expiry are kept until a store rejects them", async () => {
  const { cache, requested, world } = rig(null);
  const first = await cache.get(NEVER);
  world.nowMs = Number.MAX_SAFE_INTEGER;
  expect(await cache.get(NEVER)).toBe(first);
  cache.drop(first);
  const [second] = await Promise.all([cache.get(NEVER), cache.get(NEVER)]);
  // Other callers drop it late, which must not drop the new credentials.
  cache.drop(first);
  expect(await cache.get(NEVER)).toBe(second);
  expect(requested).toEqual([false, true]);
});

test("a failed renewal is ignored while the present credentials are valid", async () => {
  const { cache, world } = rig(60 * MINUTE_MS);
  const first = await cache.get(NEVER);
  world.isDown = true;
  world.nowMs = 59 * MINUTE_MS;
  expect(await cache.get(NEVER)).toBe(first);
  world.nowMs = 61 * MINUTE_MS;
  const refused = await cache.get(NEVER).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "STORE_REFUSED", hint: expect.stringContaining("AWS_PROFILE") });
  expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
});

test("a failure to get credentials is kept for 30 seconds", async () => {
  const { cache, requested, world } = rig(null);
  world.isDown = true;
  const first = await cache.get(NEVER).catch((error: unknown) => error);
  world.nowMs = 29_000;
  await expect(cache.get(NEVER)).rejects.toBe(first);
  expect(requested).toHaveLength(1);
  world.isDown = false;
  world.nowMs = 30_000;
  expect((await cache.get(NEVER)).accessKeyId).toBe("key 2");
});

test("a clock that is set back does not prolong a failure", async () => {
  const { cache, world } = rig(null);
  world.nowMs = 60 * MINUTE_MS;
  world.isDown = true;
  await expect(cache.get(NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  world.isDown = false;
  world.nowMs = 0;
  expect((await cache.get(NEVER)).accessKeyId).toBe("key 2");
});

test("a failed renewal is retried once in 30 seconds while the present credentials are valid", async () => {
  const { cache, requested, world } = rig(60 * MINUTE_MS);
  const first = await cache.get(NEVER);
  world.isDown = true;
  for (const seconds of [0, 1, 29, 30, 59]) {
    world.nowMs = 55 * MINUTE_MS + seconds * 1_000;
    expect(await cache.get(NEVER)).toBe(first);
  }
  expect(requested).toHaveLength(3);
});

test("after an earlier success, rejected credentials are renewed with growing pauses, once for all callers", async () => {
  const { cache, requested, pauses } = rig(null);
  cache.taken(await cache.get(NEVER));
  for (let refusals = 0; refusals < 6; refusals += 1) {
    const all = await Promise.all([cache.get(NEVER), cache.get(NEVER), cache.get(NEVER)]);
    for (const refused of all) cache.drop(refused);
  }
  const fresh = await cache.get(NEVER);
  expect(requested).toHaveLength(7);
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 5_000]);
  cache.taken(fresh);
  cache.drop(fresh);
  await cache.get(NEVER);
  expect(pauses).toHaveLength(5);
});

test("after an earlier success, missing credentials fail after a minute, and later calls fail at once", async () => {
  const { cache, world, pauses } = rig(null);
  const first = await cache.get(NEVER);
  cache.taken(first);
  cache.drop(first);
  world.isDown = true;
  const startMs = world.nowMs;
  await expect(Promise.all([cache.get(NEVER), cache.get(NEVER)])).rejects.toMatchObject({
    code: "STORE_REFUSED",
  });
  expect(world.nowMs - startMs).toBeGreaterThanOrEqual(60_000);
  expect(world.nowMs - startMs).toBeLessThan(66_000);
  const before = pauses.length;
  await expect(cache.get(NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  world.isDown = false;
  world.nowMs += 30_000;
  await cache.get(NEVER);
  expect(pauses.length).toBe(before);
});

/** Returns a cache on a clock that stands still, so that pauses end only on request. */
function standingRig() {
  const world = { requested: 0, pauses: 0 };
  const cache = new CredentialCache(
    async (): Promise<AwsCredentials> => {
      world.requested += 1;
      if (world.requested > 1) throw noCredentials("S3", new Error("no answer"));
      return { accessKeyId: "key", secretAccessKey: "hunter2" };
    },
    {
      clock: {
        nowMs: () => 0,
        wallMs: () => 0,
        after() {
          world.pauses += 1;
          return () => {
            world.pauses -= 1;
          };
        },
      },
      random: constantRandom,
    },
  );
  return { cache, world };
}

test("an aborted caller stops waiting, and the last aborted caller ends the request for credentials", async () => {
  const { cache, world } = standingRig();
  const first = await cache.get(NEVER);
  cache.taken(first);
  cache.drop(first);
  const ends = [new AbortController(), new AbortController()];
  const all = ends.map(({ signal }) => cache.get(signal));
  await vi.waitFor(() => expect(world.pauses).toBe(1), { timeout: 60_000 });
  ends[0]?.abort(new Error("Ctrl-C"));
  await expect(all[0]).rejects.toThrow("Ctrl-C");
  expect(world.pauses).toBe(1);
  ends[1]?.abort(new Error("Ctrl-C"));
  await expect(all[1]).rejects.toThrow("Ctrl-C");
  expect(world).toEqual({ requested: 2, pauses: 0 });
  const later = new AbortController();
  const again = cache.get(later.signal);
  await vi.waitFor(() => expect(world).toEqual({ requested: 3, pauses: 1 }), { timeout: 60_000 });
  later.abort(new Error("Ctrl-C"));
  await expect(again).rejects.toThrow("Ctrl-C");
});

test("a new cache retries for as long as an earlier cache that the store accepted", async () => {
  const taken = takenHere();
  const old = rig(null, { taken });
  old.cache.taken(await old.cache.get(NEVER));
  const { cache, world, pauses } = rig(null, { taken });
  world.isDown = true;
  await expect(cache.get(NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(world.nowMs).toBeGreaterThanOrEqual(60_000);
  expect(pauses.length).toBeGreaterThan(5);
  expect(old.cache.wereTaken).toBe(false);
});
