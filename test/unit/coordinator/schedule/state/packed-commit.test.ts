import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { committedShard, type FileLayouts } from "../../../../../coordinator/schedule/state/packed-commit.ts";
import { asDigest } from "../../../../../shared/core/digest.ts";
import { asExecutionId } from "../../../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../../../shared/domain/partial.ts";
import { shardId } from "../../../../../shared/domain/shard.ts";
import * as any from "../../../../support/wire-arbitraries.ts";

const hex = (digits: number) =>
  fc
    .uint8Array({ minLength: digits / 2, maxLength: digits / 2 })
    .map((bytes) => Buffer.from(bytes).toString("hex"));

/** Partials as workers make them: without dead letters, with ids of the usual form. */
const ordinary: fc.Arbitrary<PartialManifest> = fc
  .tuple(any.partial, hex(16).map(asExecutionId), fc.infiniteStream(hex(64).map(asDigest)))
  .map(([partial, executionId, digests]) => ({
    ...partial,
    executionId,
    firstDeadLetter: null,
    digest: digests.next().value,
    files: partial.files.map((file) => ({ ...file, sha256: digests.next().value })),
  }));

function someOrdinary(): PartialManifest {
  const [partial] = fc.sample(ordinary, { numRuns: 1, seed: 20 });
  if (partial === undefined) throw new Error("no sample");
  return partial;
}

describe("the state of a committed shard", () => {
  test("has the partial, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(any.partial, ordinary), (partial) => {
        const state = committedShard(partial, new Map());
        expect(state.kind).toBe("committed");
        expect(state.partial).toEqual(partial);
      }),
    );
  });

  test("has no objects of an ordinary partial but the layout of its files, which all shards share", () => {
    fc.assert(
      fc.property(ordinary, (partial) => {
        const layouts: FileLayouts = new Map();
        const states = [0, 1].map((shard) => committedShard({ ...partial, shard: shardId(shard) }, layouts));
        for (const state of states) {
          const objects = Object.values(state).filter((value) => typeof value === "object");
          expect(objects).toEqual([[...layouts.values()][0]]);
          expect(objects[0]).toBe([...layouts.values()][0]);
        }
      }),
    );
  });

  test("takes less than a hundred bytes for a partial of one file", () => {
    const partial: PartialManifest = {
      ...someOrdinary(),
      shard: shardId(999_999),
      token: { generation: 3, sequence: 1_000_000 },
      ...{ rowsIn: 4_096, rowsMapped: 4_096, rowsFiltered: 0, rowsDeadLettered: 0 },
      ...{ rowsOut: 4_096, rowsTruncated: 0, rowsFilled: 0 },
      files: [
        {
          kind: "rows",
          name: "rows.parquet",
          rows: 4_096,
          bytes: 12_345_678,
          sha256: asDigest("c".repeat(64)),
        },
      ],
    };
    const { packed } = committedShard(partial, new Map()) as unknown as { readonly packed: string };
    expect(packed.length).toBeLessThan(100);
    expect(/^[\0-\xff]*$/.test(packed)).toBe(true);
  });

  test.each<[what: string, changed: Partial<PartialManifest>]>([
    ["a fact that a later build added", { rowsOfTomorrow: 1 } as object],
    ["digests in capitals", { digest: asDigest("A".repeat(64)) }],
    ["a short id", { executionId: asExecutionId("a1") }],
    ["a count beyond 2^53", { rowsIn: 2 ** 53 }],
  ])("keeps a partial with %s as it is", (_what, changed) => {
    const partial = { ...someOrdinary(), ...changed };
    expect(committedShard(partial, new Map())).toEqual({ kind: "committed", partial });
  });
});
