import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpenOffsets } from "../../../extensions/kafka/open-offsets.ts";

describe("the open offsets of a partition", () => {
  it("the group's position is the lowest unacknowledged offset, for any order of acknowledgement", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(gaps, fc.infiniteStream(fc.nat()), (steps, choices) => {
        const offsets = new OpenOffsets();
        let last = -1n;
        const given: bigint[] = [];
        const open = new Set<bigint>();
        const waiting = [...steps];
        for (const choice of choices) {
          const step = waiting[0];
          if (step === undefined && open.size === 0) break;
          // Either delivers another offset, or acknowledges a delivered one.
          if (step !== undefined && (choice % 2 === 0 || open.size === 0)) {
            waiting.shift();
            last += BigInt(step);
            offsets.give(last);
            given.push(last);
            open.add(last);
          } else {
            const acknowledged = [...open][choice % open.size] ?? 0n;
            open.delete(acknowledged);
            offsets.acknowledge(acknowledged);
          }
          const { position } = offsets;
          expect(offsets.next).toBe(given.length === 0 ? null : last + 1n);
          const below = given.filter((offset) => position !== null && offset < position);
          expect(below.some((offset) => open.has(offset))).toBe(false);
          const lowest = given.find((offset) => open.has(offset));
          const behind = given.filter((offset) => lowest === undefined || offset < lowest);
          expect(below).toEqual(behind);
        }
        expect(offsets.position).toBe(last + 1n);
      }),
    );
  });

  it("the position follows 10,000 offsets that are acknowledged in order", () => {
    const offsets = new OpenOffsets();
    for (let offset = 0n; offset < 10_000n; offset += 1n) {
      offsets.give(offset);
      if (offset >= 5n) offsets.acknowledge(offset - 5n);
    }
    expect([offsets.position, offsets.next]).toEqual([9_995n, 10_000n]);
  });

  it("the position and the next offset are known after all offsets are acknowledged, last ones first", () => {
    const offsets = new OpenOffsets();
    const all = Array.from({ length: 2_000 }, (_, offset) => BigInt(offset));
    for (const offset of all) offsets.give(offset);
    for (const offset of all.toReversed()) offsets.acknowledge(offset);
    expect([offsets.position, offsets.next]).toEqual([2_000n, 2_000n]);
    offsets.give(2_007n);
    expect([offsets.position, offsets.next]).toEqual([2_000n, 2_008n]);
  });
});
