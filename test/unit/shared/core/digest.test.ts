import { describe, expect, test } from "vitest";
import { digestOpenFile, sha256 } from "../../../../shared/core/digest.ts";

const MIB = 1 << 20;

/** A file in memory, and the buffers into which it was read. */
function aFile(bytes: Uint8Array) {
  const buffers = new Set<ArrayBufferLike>();
  const readInto = async (into: Uint8Array, at: number) => {
    buffers.add(into.buffer);
    const part = bytes.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  };
  return { readInto, buffers };
}

function someBytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 255);
}

describe("the digest of an open file", () => {
  test.each([0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 7])(
    "%i bytes, whatever was read before",
    async (length) => {
      const bytes = someBytes(length, length);
      await digestOpenFile(aFile(someBytes(3 * MIB, 1)), 3 * MIB);
      expect(await digestOpenFile(aFile(bytes), length)).toEqual({ sha256: sha256(bytes), bytes: length });
    },
  );

  test("files that are read at once do not share a buffer", async () => {
    const all = Array.from({ length: 9 }, (_, seed) => someBytes(MIB + seed, seed));
    const found = await Promise.all(all.map((bytes) => digestOpenFile(aFile(bytes), bytes.length)));
    expect(found.map(({ sha256: digest }) => digest)).toEqual(all.map(sha256));
  });

  test("files one after the other are read into one buffer", async () => {
    const files = Array.from({ length: 5 }, (_, seed) => aFile(someBytes(1_000, seed)));
    for (const file of files) await digestOpenFile(file, 1_000);
    expect(new Set(files.flatMap(({ buffers }) => [...buffers])).size).toBe(1);
  });

  test("a file that is longer than it should be gives another digest, and is read no further than that", async () => {
    const bytes = someBytes(5 * MIB, 2);
    const found = await digestOpenFile(aFile(bytes), MIB);
    expect(found.bytes).toBeGreaterThan(MIB);
    expect(found.bytes).toBeLessThanOrEqual(2 * MIB);
    expect(found.sha256).not.toBe(sha256(bytes.subarray(0, MIB)));
  });

  test("a buffer of a read that failed is not used again: the read may not be over", async () => {
    const buffers: ArrayBufferLike[] = [];
    const broken = {
      readInto: async (into: Uint8Array) => {
        buffers.push(into.buffer);
        throw new Error("EIO");
      },
    };
    await expect(digestOpenFile(broken, 10)).rejects.toThrow("EIO");
    const next = Array.from({ length: 9 }, () => aFile(someBytes(10, 3)));
    await Promise.all(next.map((file) => digestOpenFile(file, 10)));
    for (const { buffers: used } of next) expect(used.has(buffers[0] as ArrayBufferLike)).toBe(false);
  });
});
