import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrames, decodeHeader, encodeHeader } from "../../../../coordinator/journal/framing.ts";
import { aSegment } from "./builders.ts";

/** Header size of the format, which existing files have. */
const HEADER_BYTES = 16;

const { bytes, records, starts } = aSegment(20);

/** Returns the index of the frame that contains byte `at`. */
function frameOf(at: number): number {
  return starts.filter((start) => start <= at).length - 1;
}

/** Returns a frame with a valid checksum around any payload. */
function frame(payload: string): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.from([0xff, 0x53, 0x4d, 0x52, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(body.length, 4);
  head.writeUInt32LE(crc32(body, crc32(head.subarray(4, 8))), 8);
  return Buffer.concat([head, body]);
}

describe("a segment of the journal", () => {
  test("records and header are read as written", () => {
    expect(decodeFrames(bytes)).toEqual({ records, end: { kind: "clean" } });
    expect(decodeHeader(bytes)).toEqual({ kind: "header", generation: 1 });
  });

  test("a segment cut off anywhere has its complete records, and is torn at the cut frame", () => {
    for (let length = HEADER_BYTES; length < bytes.length; length += 1) {
      const whole = starts.filter((start) => start <= length).length - 1;
      const { records: found, end } = decodeFrames(bytes.subarray(0, length));
      expect(found).toEqual(records.slice(0, whole));
      const cutAt = starts[whole];
      expect(end).toEqual(cutAt === length ? { kind: "clean" } : { kind: "torn", at: cutAt });
    }
  });

  test("a flipped bit keeps the records before its frame, and is damage unless in the last frame", () => {
    fc.assert(
      fc.property(fc.integer({ min: HEADER_BYTES, max: bytes.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
        const hit = frameOf(at);
        const { records: found, end } = decodeFrames(flipped);
        expect(found).toEqual(records.slice(0, hit));
        expect(end).toMatchObject({ kind: hit === records.length - 1 ? "torn" : "damaged", at: starts[hit] });
      }),
      { numRuns: 2000 },
    );
  });

  test("a segment with a complete frame after a hole is damaged, with both places reported", () => {
    const holed = Buffer.from(bytes);
    holed.fill(0, starts[3], starts[6]);
    expect(decodeFrames(holed).end).toEqual({ kind: "damaged", at: starts[3], nextAt: starts[6] });
  });

  test("a segment with zeros after its end, as after a crash, is torn there", () => {
    const zeros = Buffer.concat([bytes, Buffer.alloc(5000)]);
    expect(decodeFrames(zeros)).toEqual({ records, end: { kind: "torn", at: bytes.length } });
  });

  test("arbitrary bytes have no records and do not throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        const segment = Buffer.concat([encodeHeader(1), noise]);
        expect(decodeFrames(segment).records).toEqual([]);
      }),
    );
  });

  test.each([
    ["an unknown kind", `{"kind":"shardTeleported"}`, { kind: "unknownKind", found: "shardTeleported" }],
    [
      "the name of a property of every object as kind",
      `{"kind":"toString"}`,
      { kind: "unknownKind", found: "toString" },
    ],
    ["no kind", `{"a":1}`, { kind: "malformed", what: "no kind" }],
    ["an array instead of an object", `[1]`, { kind: "malformed", what: "no kind" }],
    ["invalid JSON", `{"kind":`, { kind: "malformed", what: "not JSON" }],
    [
      "a field of another type",
      `{"kind":"published","outputDigest":7}`,
      { kind: "malformed", what: "published without a valid outputDigest" },
    ],
    [
      "a missing field",
      `{"kind":"shardRevoked","shard":1,"digest":"d"}`,
      { kind: "malformed", what: "shardRevoked without a valid reason" },
    ],
  ])("a complete frame with %s is reported", (_, payload, expected) => {
    const segment = Buffer.concat([bytes, frame(payload)]);
    expect(decodeFrames(segment)).toEqual({ records, end: { ...expected, at: bytes.length } });
  });
});

describe("the header of a segment", () => {
  test.each([1, 3])("a header of the other version %i is distinguished from a damaged one", (version) => {
    const other = encodeHeader(1);
    other.writeUInt32LE(version, 8);
    expect(decodeHeader(other)).toEqual({ kind: "otherVersion", version });
    expect(decodeHeader(Buffer.alloc(16))).toEqual({ kind: "notAJournal" });
    expect(decodeHeader(encodeHeader(1).subarray(0, 15))).toEqual({ kind: "notAJournal" });
  });
});
