import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExternalDataScan } from "../../../../shared/onnx/external-data.ts";

/** Bytes that often are a part of the key, or all of it. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom("location", "locat", "ion", "l", "locationlocation", "lolocation"),
    fc.string({ maxLength: 3, unit: fc.constantFrom("l", "o", "c", "n", "x") }),
  ),
  { maxLength: 6 },
);

describe("the scan for external data", () => {
  test("the key is found exactly if it is present, wherever the chunks are cut", () => {
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(40), { maxLength: 8 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(""));
        const borders = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        );
        const scan = new ExternalDataScan();
        borders.slice(1).forEach((end, index) => {
          const chunk = Uint8Array.from(bytes.subarray(borders[index], end));
          scan.add(chunk);
          chunk.fill(0);
        });
        expect(scan.mayHave).toBe(bytes.includes("location"));
      }),
      { numRuns: 2_000 },
    );
  });
});
