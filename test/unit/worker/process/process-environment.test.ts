import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { processEnvironment } from "../../../../worker/process/process-environment.ts";

afterEach(() => vi.unstubAllEnvs());

/** Returns the memory limit of one decoder. */
function decoderBytes(shardThreads: number): number {
  return Number(processEnvironment({ shardThreads, cores: 2 }).SHARDMILL_DECODER_PAGES) * 65_536;
}

test("the decoders of a process share half of the memory, each at most what WebAssembly can address", () => {
  expect(decoderBytes(1)).toBeLessThanOrEqual(2 ** 32);
  for (const threads of [1, 16, 64])
    expect(threads * decoderBytes(threads)).toBeLessThanOrEqual(totalmem() / 2);
  expect(decoderBytes(128)).toBeLessThan(decoderBytes(64));
});

test("UV_THREADPOOL_SIZE has room for concurrent SQL statements and files by default, or is kept as set", () => {
  vi.stubEnv("UV_THREADPOOL_SIZE", undefined);
  const threads = { shardThreads: 3, cores: 12 };
  expect(processEnvironment(threads)).toMatchObject({ UV_THREADPOOL_SIZE: "19", PATH: process.env.PATH });
  vi.stubEnv("UV_THREADPOOL_SIZE", "16");
  expect(processEnvironment(threads)).toMatchObject({ UV_THREADPOOL_SIZE: "16" });
});
