import { totalmem } from "node:os";
import { expect, test } from "vitest";
import { processArguments } from "../../../../worker/process/process-arguments.ts";

/** What one decoder may take. */
function decoderBytes(shardThreads: number): number {
  const [, pages] = /^--wasm-max-mem-pages=(\d+)$/.exec(processArguments(shardThreads).join(" ")) ?? [];
  return Number(pages) * 65_536;
}

test("decoders of one process share half of the memory, and none has more than WebAssembly can address", () => {
  expect(decoderBytes(1)).toBeLessThanOrEqual(2 ** 32);
  for (const threads of [1, 16, 64])
    expect(threads * decoderBytes(threads)).toBeLessThanOrEqual(totalmem() / 2);
  expect(decoderBytes(128)).toBeLessThan(decoderBytes(64));
});
