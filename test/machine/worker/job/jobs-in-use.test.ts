import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { JobsInUse } from "../../../../worker/job/jobs-in-use.ts";
import { aJobId } from "../../../support/ids.ts";

class Model implements AsyncDisposable {
  readonly name: string;
  readonly #loaded: Set<string>;

  readonly #bytes: number;

  constructor(name: string, loaded: Set<string>, bytes = 10) {
    this.name = name;
    this.#loaded = loaded;
    this.#bytes = bytes;
    loaded.add(name);
  }

  memoryBytes(): number {
    return this.#bytes;
  }

  async rest(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await setImmediate();
    this.#loaded.delete(this.name);
  }
}

const { signal } = new AbortController();

function aWorker(idleBytes = 0) {
  const loaded = new Set<string>();
  const told: string[] = [];
  let opened = 0;
  const jobs = new JobsInUse<Model>({
    idleBytes,
    onReused: (jobId) => told.push(`${jobId} reused`),
    onClosing: (jobId) => told.push(`${jobId} closed`),
  });
  const run = <R>(jobId: string, work: (model: Model) => Promise<R>) =>
    jobs.use(aJobId(jobId), {
      open: async () => {
        opened += 1;
        return new Model(jobId, loaded);
      },
      work,
      signal,
    });
  return { jobs, run, loaded, told, opened: () => opened };
}

describe("jobs on a device that reports its free memory", () => {
  /** Returns jobs on a device with a memory limit, of which each loaded model takes 10. */
  function onDevice(most: number) {
    const loaded = new Set<string>();
    const told: string[] = [];
    const jobs = new JobsInUse<Model>({
      idleBytes: 1_000,
      isShort: async () => most - 10 * loaded.size < most / 2,
      onClosing: (jobId, why) => told.push(`${jobId}: ${why}`),
    });
    const run = (jobId: string) =>
      jobs.use(aJobId(jobId), {
        open: async () => new Model(jobId, loaded),
        work: async () => [...loaded],
        signal,
      });
    return { run, told };
  }

  test("the least recently used jobs are closed one by one until half of the memory is free", async () => {
    const { run, told } = onDevice(50);
    await run("a");
    await run("b");
    expect(await run("c")).toEqual(["a", "b", "c"]);
    await run("a");
    expect(told).toEqual([]);
    expect(await run("d")).toEqual(["a", "c", "d"].filter((name) => name !== "b"));
    expect(told).toEqual(["b: its device has little memory free"]);
  });

  test("all idle jobs are closed if one model takes most of the memory, and none for an open model", async () => {
    const { run, told } = onDevice(15);
    await run("a");
    expect(await run("b")).toEqual(["b"]);
    expect(await run("b")).toEqual(["b"]);
    expect(told).toHaveLength(1);
  });
});

test("shards of one job share one open model", async () => {
  const { run, opened } = aWorker();
  const names = await Promise.all(["a", "a", "a"].map((jobId) => run(jobId, async ({ name }) => name)));
  expect(names).toEqual(["a", "a", "a"]);
  expect(opened()).toBe(1);
});

test("the next job is opened after the previous job, which is idle, is closed", async () => {
  const { run, loaded } = aWorker();
  await run("a", async () => {});
  expect([...loaded]).toEqual(["a"]);
  expect(await run("b", async () => [...loaded])).toEqual(["b"]);
});

test("a job in use continues while the next job runs, and is closed after its last use", async () => {
  const { run, loaded } = aWorker();
  const late = deferred<void>();
  const old = run("a", async () => {
    await late.promise;
    return loaded.has("a");
  });
  expect(await run("b", async () => [...loaded])).toEqual(["a", "b"]);
  late.resolve();
  expect(await old).toBe(true);
  await setImmediate();
  await setImmediate();
  expect([...loaded]).toEqual(["b"]);
});

test("a job that could not be opened is opened again at its next use", async () => {
  const jobs = new JobsInUse<Model>({ idleBytes: 0 });
  const use = (open: () => Promise<Model>) =>
    jobs.use(aJobId("a"), { open, work: async ({ name }) => name, signal });
  await expect(use(() => Promise.reject(new Error("no model")))).rejects.toThrow("no model");
  expect(await use(async () => new Model("a", new Set()))).toBe("a");
});

const nothing = async () => {};

test("alternating jobs are opened once if there is enough memory for idle jobs", async () => {
  const { jobs, run, loaded, told, opened } = aWorker(20);
  for (const jobId of ["a", "b", "c", "a", "b", "c"]) await run(jobId, nothing);
  expect(opened()).toBe(3);
  expect(told).toEqual(["a reused", "b reused", "c reused"]);
  expect([...loaded].sort()).toEqual(["a", "b", "c"]);
  await jobs.closeNow();
  expect(loaded.size).toBe(0);
});

test("if there is too little memory, the least recently used job is closed before the next is opened", async () => {
  const { run, loaded, told, opened } = aWorker(10);
  await run("a", nothing);
  await run("b", nothing);
  expect(await run("c", async () => [...loaded])).toEqual(["b", "c"]);
  await run("b", nothing);
  await run("a", nothing);
  expect(told).toEqual(["a closed", "b reused", "c closed"]);
  expect(opened()).toBe(4);
});

test("a long sequence of small jobs, like the windows of a queue, keeps only nine jobs open", async () => {
  const { run, loaded, told } = aWorker(1_000_000);
  for (let job = 0; job < 50; job += 1) await run(`window-${job}`, nothing);
  expect(loaded.size).toBe(9);
  expect(told).toHaveLength(41);
  await run("window-45", nothing);
  expect(told.at(-1)).toBe("window-45 reused");
});

test("a job leaves its threads before the next job opens, and before a kept job is used again", async () => {
  const told: string[] = [];
  class Resting extends Model {
    override async rest(): Promise<void> {
      await setImmediate();
      told.push(`${this.name} rests`);
    }
  }
  const jobs = new JobsInUse<Model>({ idleBytes: 100 });
  const run = (jobId: string) =>
    jobs.use(aJobId(jobId), {
      open: async () => {
        told.push(`${jobId} opens`);
        return new Resting(jobId, new Set());
      },
      work: async () => void told.push(`${jobId} works`),
      signal,
    });
  for (const jobId of ["a", "a", "b", "a"]) await run(jobId);
  expect(told).toEqual([
    "a opens",
    "a works",
    "a works",
    "a rests",
    "b opens",
    "b works",
    "b rests",
    "a works",
  ]);
});

test("the memory of a job is measured when the job becomes idle for the first time", async () => {
  const jobs = new JobsInUse<Model>({ idleBytes: 10 });
  const loaded = new Set<string>();
  let bytes = 4;
  class Growing extends Model {
    override memoryBytes(): number {
      return bytes;
    }
  }
  const run = (jobId: string) =>
    jobs.use(aJobId(jobId), { open: async () => new Growing(jobId, loaded), work: nothing, signal });
  for (const jobId of ["a", "b", "a", "b"]) await run(jobId);
  // Memory of the whole process, by now.
  bytes = 100;
  await run("c");
  expect([...loaded].sort()).toEqual(["a", "b", "c"]);
});

test("a job that fails with OUT_OF_MEMORY is opened once more after all idle jobs are closed", async () => {
  const { jobs, run, loaded, told } = aWorker(100);
  await run("a", nothing);
  await run("b", nothing);
  const sidecars: string[][] = [];
  const full = new ShardmillError("OUT_OF_MEMORY", "no room");
  const open = async () => {
    sidecars.push([...loaded]);
    if (loaded.size > 0) throw full;
    return new Model("c", loaded);
  };
  expect(await jobs.use(aJobId("c"), { open, work: async ({ name }) => name, signal })).toBe("c");
  expect(sidecars).toEqual([["a", "b"], []]);
  expect(told).toEqual(["a closed", "b closed"]);
  await expect(
    jobs.use(aJobId("d"), { open: () => Promise.reject(full), work: nothing, signal }),
  ).rejects.toBe(full);
  expect([...loaded]).toEqual([]);
  await expect(
    jobs.use(aJobId("e"), { open: () => Promise.reject(full), work: nothing, signal }),
  ).rejects.toBe(full);
});

test("a job in use whose place another job needs is closed after its last use", async () => {
  const { run, loaded } = aWorker(10);
  const late = deferred<void>();
  const old = run("a", () => late.promise);
  await run("b", nothing);
  await run("c", nothing);
  expect([...loaded]).toContain("a");
  late.resolve();
  await old;
  await setImmediate();
  await setImmediate();
  expect([...loaded].sort()).toEqual(["b", "c"]);
});
