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

    it("the same rows give the same table again, in this reduction and in a second one", async () => {
      const once = tableToIPC(await reduced(reduction));
      expect(tableToIPC(await reduced(reduction))).toEqual(once);
      await using other = await on.open(on.source);
      expect(tableToIPC(await reduced(other))).toEqual(once);
    });

    it("combining no rows gives a table with the same columns", async () => {
      const [shard] = on.shards;
      const none = await reduction.combine([], NEVER);
      const some = await reduction.combine([shard], NEVER);
      expect(none.schema.fields.map(String)).toEqual(some.schema.fields.map(String));
    });

    it("each record batch is requested once, and the end once", async () => {
      const rows = [...on.shards, ...on.shards, ...on.shards];
      let requests = 0;
      const source: AsyncIterator<RecordBatch> = {
        async next() {
          const value = rows[requests++];
          return value === undefined ? { done: true, value } : { done: false, value };
        },
      };
      await reduction.combine({ [Symbol.asyncIterator]: () => source }, NEVER);
      expect(requests).toBe(rows.length + 1);
    });

    it("record batches are read in order to the end, and their source is closed", async () => {
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

    it("an error of the source fails the reduction, which can be used again", async () => {
      const [shard] = on.shards;
      async function* batches() {
        yield shard;
        throw new Error("the file is missing");
      }
      await expect(reduction.combine(batches(), NEVER)).rejects.toThrow("the file is missing");
      const again = await reduction.combine([shard], NEVER);
      await using other = await on.open(on.source);
      expect(tableToIPC(again)).toEqual(tableToIPC(await other.combine([shard], NEVER)));
    });

    it("an aborted reduction fails with the reason, and can be used again", async () => {
      const [shard] = on.shards;
      const abort = new AbortController();
      async function* batches() {
        yield shard;
        abort.abort(new Error("cancelled"));
        for (;;) yield shard;
      }
      await expect(reduction.combine(batches(), abort.signal)).rejects.toThrow("cancelled");
      await expect(reduction.final([shard], abort.signal)).rejects.toThrow("cancelled");
      expect(await reduction.combine([shard], NEVER)).toBeInstanceOf(Table);
    });
  });
}
