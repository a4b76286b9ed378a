import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { JobsInUse } from "../../../../worker/job/jobs-in-use.ts";

class Model implements AsyncDisposable {
  readonly name: string;
  readonly #loaded: Set<string>;

  constructor(name: string, loaded: Set<string>) {
    this.name = name;
    this.#loaded = loaded;
    loaded.add(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await setImmediate();
    this.#loaded.delete(this.name);
  }
}

const { signal } = new AbortController();

function aWorker() {
  const loaded = new Set<string>();
  let opened = 0;
  const jobs = new JobsInUse<Model>();
  const run = <R>(jobId: string, work: (model: Model) => Promise<R>) =>
    jobs.use(jobId, {
      open: async () => {
        opened += 1;
        return new Model(jobId, loaded);
      },
      work,
      signal,
    });
  return { jobs, run, loaded, opened: () => opened };
}

test("shards of one job share what is open", async () => {
  const { run, opened } = aWorker();
  const names = await Promise.all(["a", "a", "a"].map((jobId) => run(jobId, async ({ name }) => name)));
  expect(names).toEqual(["a", "a", "a"]);
  expect(opened()).toBe(1);
});

test("the next job is opened when the one before, which nobody uses, is closed", async () => {
  const { run, loaded } = aWorker();
  await run("a", async () => {});
  expect([...loaded]).toEqual(["a"]);
  expect(await run("b", async () => [...loaded])).toEqual(["b"]);
});

test("one that is still in use goes on beside the next, and is closed after its last use", async () => {
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

test("a job that could not be opened is tried anew", async () => {
  const jobs = new JobsInUse<Model>();
  const use = (open: () => Promise<Model>) => jobs.use("a", { open, work: async ({ name }) => name, signal });
  await expect(use(() => Promise.reject(new Error("no model")))).rejects.toThrow("no model");
  expect(await use(async () => new Model("a", new Set()))).toBe("a");
});
