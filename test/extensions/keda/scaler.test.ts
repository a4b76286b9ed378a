import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Scaler } from "../../../extensions/keda/scaler.ts";
import type { ScalerRequest } from "../../../extensions/keda/scaler-request.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { DEVICES, type Device } from "../../../shared/domain/device.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const ASK: ScalerRequest = { shardsPerWorker: 10, maxWorkers: null, device: null };
const work = (openShards: number, device: Device = "auto") => ({ openShards, description: { device } });

describe("the number of wanted workers", () => {
  test.each([
    [0, 0],
    [1, 1],
    [10, 1],
    [11, 2],
    [300, 30],
  ])("%i open shards at ten per worker need %i workers", (open, wanted) => {
    expect(new Scaler(() => [work(open)]).workersWanted(ASK)).toBe(wanted);
  });

  test("the open shards of all jobs are added, up to the maximum of workers", () => {
    const scaler = new Scaler(() => [work(4), work(0), work(7)]);
    expect(scaler.workersWanted(ASK)).toBe(2);
    expect(scaler.workersWanted({ ...ASK, shardsPerWorker: 1, maxWorkers: 5 })).toBe(5);
    expect(new Scaler(() => []).workersWanted(ASK)).toBe(0);
  });

  test("only jobs that may run on the device are counted", () => {
    const scaler = new Scaler(() => [work(1, "auto"), work(10, "cpu"), work(100, "cuda")]);
    const wanted = (device: ScalerRequest["device"]) =>
      scaler.workersWanted({ ...ASK, shardsPerWorker: 1, device });
    expect([wanted("cpu"), wanted("cuda"), wanted("webgpu"), wanted(null)]).toEqual([11, 101, 1, 111]);
  });

  test("the number is the smallest that covers all open shards", () => {
    const jobs = fc.array(fc.tuple(fc.nat(5_000), fc.constantFrom(...DEVICES)));
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 50 }), (open, shardsPerWorker) => {
        const wanted = new Scaler(() => open.map((job) => work(...job))).workersWanted({
          ...ASK,
          shardsPerWorker,
        });
        const shards = open.reduce((sum, [count]) => sum + count, 0);
        expect(wanted * shardsPerWorker).toBeGreaterThanOrEqual(shards);
        expect((wanted - 1) * shardsPerWorker).toBeLessThan(Math.max(1, shards));
      }),
    );
  });
});

describe("watching a scaler", () => {
  test("a watcher is notified at once, and then only of changes", async () => {
    const clock = new VirtualClock();
    let open = 0;
    const watch = new Scaler(() => [work(open)], clock).watch(ASK, NEVER);
    const next = async () => (await clock.until(watch.next())).value;
    expect(await next()).toBe(false);
    const hears = watch.next();
    await clock.pass(60_000);
    open = 5;
    const told = clock.nowMs();
    expect((await clock.until(hears)).value).toBe(true);
    expect(clock.nowMs() - told).toBeLessThanOrEqual(500);
    open = 500;
    clock.after(10_000, () => {
      open = 0;
    });
    expect(await next()).toBe(false);
    expect(clock.nowMs() - told).toBeGreaterThanOrEqual(10_000);
    await watch.return(undefined);
  });

  test("more than 64 watchers are refused, and watchers that leave make room for others", async () => {
    const scaler = new Scaler(() => [work(1)]);
    const gone = new AbortController();
    const watches = Array.from({ length: 64 }, () => scaler.watch(ASK, gone.signal));
    for (const watch of watches) expect(await watch.next()).toEqual({ done: false, value: true });
    await expect(scaler.watch(ASK, NEVER).next()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    const waiting = watches.map((watch) => watch.next());
    gone.abort(new Error("gone"));
    for (const next of waiting) await expect(next).rejects.toThrow("gone");
    const again = scaler.watch(ASK, NEVER);
    expect(await again.next()).toEqual({ done: false, value: true });
    await again.return(undefined);
  });
});
