import { expect, it } from "vitest";
import { ParquetRuntime } from "../../../../shared/dataset/parquet-runtime.ts";

const MIB = 1 << 20;
const memoryOf = ({ wasm }: ParquetRuntime) => wasm.wasmMemory().buffer.byteLength;

it("memory is reserved once, and a smaller need uses the reserved memory", () => {
  const runtime = new ParquetRuntime();
  const before = memoryOf(runtime);
  runtime.reserve(before);
  expect(memoryOf(runtime)).toBe(before);
  runtime.reserve(100 * MIB);
  const reserved = memoryOf(runtime);
  expect(reserved).toBeGreaterThanOrEqual(100 * MIB);
  expect(reserved).toBeLessThan(110 * MIB);
  // Empty content, which is refused. Its bytes use the reserved memory.
  expect(() => runtime.call(() => runtime.wasm.Table.fromIPCStream(new Uint8Array(60 * MIB)))).toThrow();
  expect(memoryOf(runtime)).toBe(reserved);
});

it("a reservation of any size stays below the limit of a runtime", () => {
  const runtime = new ParquetRuntime();
  runtime.reserve(2 ** 40);
  expect(memoryOf(runtime)).toBeLessThan(300 * MIB);
  expect(runtime.broken).toBe(false);
});
