import fc from "fast-check";
import { expect, test } from "vitest";
import type { DatasetFormat } from "../../../../shared/domain/dataset.ts";
import type { StepBinding } from "../../../../shared/domain/step-binding.ts";
import type { SourceKind } from "../../../../shared/input-sources/input-sources.ts";
import type { OpKind } from "../../../../shared/output-ops/output-ops.ts";
import { PROTOCOL, protocolsMeet, protocolText } from "../../../../shared/wire/protocol.ts";

const range = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 4 }))
  .map(([oldest, more]) => ({ oldest, newest: oldest + more }));

test("two ranges of versions overlap if a version is in both", () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const speaks = ({ oldest, newest }: typeof a) =>
        Array.from({ length: newest - oldest + 1 }, (_, at) => oldest + at);
      expect(protocolsMeet(a, b)).toBe(speaks(a).some((version) => speaks(b).includes(version)));
      expect(protocolsMeet(b, a)).toBe(protocolsMeet(a, b));
    }),
  );
});

test("a range that ends before it begins overlaps no other range", () => {
  expect(protocolsMeet({ oldest: 5, newest: 3 }, { oldest: 1, newest: 9 })).toBe(false);
});

test("a range is shown as one version or as its first and last version", () => {
  expect(protocolText({ oldest: 4, newest: 4 })).toBe("4");
  expect(protocolText({ oldest: 4, newest: 6 })).toBe("4 to 6");
  expect(PROTOCOL.oldest).toBeLessThanOrEqual(PROTOCOL.newest);
});

/**
 * Protocol versions in which words of a worker's tasks appeared. A worker of an earlier version would fail on
 * the word. A new word requires a new `PROTOCOL.newest`, unless the newest is unreleased. Jobs with the word
 * must not reach workers of older versions, unless these are no longer supported.
 */
const SINCE = {
  steps: { extension: 4, sql: 4, feature: 4, model: 4 },
  sources: { one: 4, stack: 4, mask: 4, positions: 4, lengths: 4, value: 4 },
  ops: {
    raw: 4,
    pool: 4,
    argmax: 4,
    maxSoftmax: 4,
    softmax: 4,
    sigmoid: 4,
    topK: 4,
    threshold: 4,
    columns: 4,
    ctc: 4,
    boxes: 4,
  },
  formats: { parquet: 4, arrow: 4, csv: 4, json: 4 },
} satisfies {
  readonly steps: Record<StepBinding["op"]["kind"], number>;
  readonly sources: Record<SourceKind, number>;
  readonly ops: Record<OpKind, number>;
  readonly formats: Record<DatasetFormat, number>;
};

test("every word of a job description is known in the oldest supported protocol", () => {
  const versions = Object.values(SINCE).flatMap((words) => Object.values<number>(words));
  expect(Math.max(...versions)).toBeLessThanOrEqual(PROTOCOL.oldest);
});
