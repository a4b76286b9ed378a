import { afterEach, expect, test, vi } from "vitest";
import { workerFork } from "../../../../worker/process/fork-worker.ts";

afterEach(() => vi.unstubAllEnvs());

test("a worker has a thread for each shard thread's SQL beside those for files, unless somebody has said how many", () => {
  vi.stubEnv("UV_THREADPOOL_SIZE", undefined);
  expect(workerFork({ shardThreads: 3, env: { A: "b" } }).env).toMatchObject({
    UV_THREADPOOL_SIZE: "7",
    PATH: process.env.PATH,
    A: "b",
  });
  vi.stubEnv("UV_THREADPOOL_SIZE", "16");
  expect(workerFork({ shardThreads: 3, env: {} }).env).toMatchObject({ UV_THREADPOOL_SIZE: "16" });
});
