import { type RecordBatch, Table, tableToIPC } from "apache-arrow";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Reduction, ReductionSource } from "../../shared/extension/reduction-part.ts";

/** One reduction to test. Its program processes all rows of its input, in both halves. */
interface ReductionUnderTest {
  readonly open: (source: ReductionSource) => Promise<Reduction>;
  readonly source: ReductionSource;
  /** Rows of two shards. */
  readonly shards: readonly [RecordBatch, RecordBatch];
}

const { signal: NEVER } = new AbortController();

/** Checks the promises of every reduction. */
export function reductionContract(name: string, make: () => Promise<ReductionUnderTest>): void {
  describe(`${name} as a reduction`, () => {
    let on: ReductionUnderTest;
    let reduction: Reduction;

    beforeEach(async () => {
      on = await make();
      reduction = await on.open(on.source);
    });

    afterEach(async () => {
      await reduction[Symbol.asyncDispose]();
    });

    async function reduced(by: Reduction): Promise<Table> {
      const tables: Table[] = [];
      for (const shard of on.shards) tables.push(await by.combine([shard], NEVER));
      return await by.final(
        tables.flatMap(({ batches }) => batches),
        NEVER,
      );
    }

    it("gives the same table again, by itself and by another one", async () => {
      const once = tableToIPC(await reduced(reduction));
      expect(tableToIPC(await reduced(reduction))).toEqual(once);
      await using other = await on.open(on.source);
      expect(tableToIPC(await reduced(other))).toEqual(once);
    });

    it("combines no rows into a table of the same columns", async () => {
      const [shard] = on.shards;
      const none = await reduction.combine([], NEVER);
      const some = await reduction.combine([shard], NEVER);
      expect(none.schema.fields.map(String)).toEqual(some.schema.fields.map(String));
    });

    it("asks for record batches one by one, and ends their source", async () => {
      const given: string[] = [];
      async function* batches() {
        try {
          for (const [at, shard] of on.shards.entries()) {
            given.push(`batch ${at}`);
            yield shard;
          }
        } finally {
          given.push("end");
        }
      }
      await reduction.combine(batches(), NEVER);
      expect(given).toEqual(["batch 0", "batch 1", "end"]);
    });

    it("fails with what its source throws, and begins anew", async () => {
      const [shard] = on.shards;
      async function* batches() {
        yield shard;
        throw new Error("the file is gone");
      }
      await expect(reduction.combine(batches(), NEVER)).rejects.toThrow("the file is gone");
      const again = await reduction.combine([shard], NEVER);
      await using other = await on.open(on.source);
      expect(tableToIPC(again)).toEqual(tableToIPC(await other.combine([shard], NEVER)));
    });

    it("ends when it is aborted, with the reason, and begins anew", async () => {
      const [shard] = on.shards;
      const abort = new AbortController();
      async function* batches() {
        yield shard;
        abort.abort(new Error("called off"));
        for (;;) yield shard;
      }
      await expect(reduction.combine(batches(), abort.signal)).rejects.toThrow("called off");
      await expect(reduction.final([shard], abort.signal)).rejects.toThrow("called off");
      expect(await reduction.combine([shard], NEVER)).toBeInstanceOf(Table);
    });
  });
}
