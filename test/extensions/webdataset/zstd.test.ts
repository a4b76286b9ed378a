import { expect, it } from "vitest";
import { unpackZstd } from "../../../shared/dataset/unpack-zstd.ts";

/** Frames with checksums, by zstandard 0.25 for Python: 200,000 times `A`, and twice the bytes 0 to 255. */
const REPEATED = Buffer.from("KLUv/aRADQMAVAAAEEFBAQD7/znAAgNqCEE2KWo0", "base64");
const BYTES = Buffer.from(
  "KLUv/WQAAVUIAAQQAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7" +
    "PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKD" +
    "hIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrL" +
    "zM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/wEAAP0Bak0BwIo0wA==",
  "base64",
);

async function unpack(packed: Buffer, pieceBytes: number): Promise<Buffer> {
  async function* pieces() {
    for (let at = 0; at < packed.length; at += pieceBytes) yield packed.subarray(at, at + pieceBytes);
  }
  const unpacked: Buffer[] = [];
  for await (const piece of unpackZstd(pieces())) unpacked.push(piece);
  return Buffer.concat(unpacked);
}

it.each([1, 5, 1_000])(
  "frames in pieces of %d bytes are unpacked, one behind the other",
  async (pieceBytes) => {
    const unpacked = await unpack(Buffer.concat([REPEATED, BYTES, REPEATED]), pieceBytes);
    const every = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256));
    const repeated = Buffer.alloc(200_000, "A");
    expect(unpacked.equals(Buffer.concat([repeated, every, repeated]))).toBe(true);
  },
);

it("a frame that ends early is refused, wherever it ends", async () => {
  for (let end = 1; end < BYTES.length; end += 1)
    await expect(unpack(BYTES.subarray(0, end), 100), `at ${end}`).rejects.toThrow();
});

it("a frame with other content than its checksum is refused", async () => {
  const damaged = Buffer.from(BYTES);
  damaged[100] = (damaged[100] ?? 0) ^ 1;
  await expect(unpack(damaged, 100)).rejects.toThrow("another checksum");
  await expect(unpack(Buffer.from("this is no frame"), 100)).rejects.toThrow("no zstd frame");
});

it("another copy of the module in the same thread unpacks, too", async () => {
  expect(await unpack(REPEATED, 1_000)).toHaveLength(200_000);
  const copy = new URL("../../../shared/dataset/unpack-zstd.ts?copy", import.meta.url).href;
  const other: { unpackZstd: typeof unpackZstd } = await import(copy);
  expect(other.unpackZstd).not.toBe(unpackZstd);
  async function* pieces() {
    yield REPEATED;
  }
  let bytes = 0;
  for await (const piece of other.unpackZstd(pieces())) bytes += piece.length;
  expect(bytes).toBe(200_000);
}, 30_000);
