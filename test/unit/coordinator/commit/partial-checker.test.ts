import { expect, test } from "vitest";
import type { CheckFinding, PartialsChecker } from "../../../../coordinator/commit/check-partials.ts";
import { PartialChecker } from "../../../../coordinator/commit/partial-checker.ts";
import { type Deferred, deferred } from "../../../../shared/core/abort.ts";
import { errorToData, ShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aDigest } from "../../../support/ids.ts";

const { signal } = new AbortController();

/** Returns a partial of one file with a given size. These checkers use nothing else. */
function partialOf(shard: number, bytes = 100): PartialManifest {
  return {
    shard: shardId(shard),
    token: { generation: 1, sequence: shard + 1 },
    executionId: asExecutionId(`e${shard}`),
    ...rowCounts(1),
    firstDeadLetter: null,
    files: [{ kind: "rows", name: "rows.parquet", rows: 1, bytes, sha256: aDigest("") }],
    digest: aDigest(""),
  };
}

interface Call {
  readonly shards: readonly number[];
  readonly answer: Deferred<readonly CheckFinding[]>;
}

/** Checkers whose answers the test provides. */
class Checkers {
  readonly calls: Call[] = [];
  opened = 0;
  closed = 0;

  readonly open = (): PartialsChecker => {
    this.opened += 1;
    return {
      check: (partials) => {
        const answer = deferred<readonly CheckFinding[]>();
        this.calls.push({ shards: partials.map(({ shard }) => Number(shard)), answer });
        return answer.promise;
      },
      [Symbol.asyncDispose]: async () => {
        this.closed += 1;
      },
    };
  };

  /** Accepts all partials of a call. */
  async pass(call: number): Promise<void> {
    this.calls[call]?.answer.resolve(this.calls[call].shards.map(() => null));
    await settle();
  }

  async breakAt(call: number): Promise<void> {
    this.calls[call]?.answer.reject(new Error("the thread ended"));
    await settle();
  }

  get batches(): (readonly number[])[] {
    return this.calls.map(({ shards }) => shards);
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("partials that arrive while the checker is busy are checked together next", async () => {
  const checkers = new Checkers();
  const checker = new PartialChecker({ openChecker: checkers.open });
  const checks = [0, 1, 2].map((shard) => checker.check(partialOf(shard), signal));
  expect(checkers.batches).toEqual([[0]]);
  await checkers.pass(0);
  expect(checkers.batches).toEqual([[0], [1, 2]]);
  await checkers.pass(1);
  await Promise.all(checks);
  expect(checkers.opened).toBe(1);
});

test("each partial gets its own finding", async () => {
  const checkers = new Checkers();
  const checker = new PartialChecker({ openChecker: checkers.open });
  const checks = [0, 1, 2].map((shard) => checker.check(partialOf(shard), signal));
  const outcomes = Promise.allSettled(checks);
  await checkers.pass(0);
  const bad = errorToData(new ShardmillError("PARTIAL_INVALID", "bad", { fields: { shard: 1 } }));
  checkers.calls[1]?.answer.resolve([bad, null]);
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  await expect(checks[1]).rejects.toMatchObject({ code: "PARTIAL_INVALID", fields: { shard: 1 } });
});

test("another checker is opened when a full batch waits, by count or by bytes, up to the limit", async () => {
  const small = new Checkers();
  const many = new PartialChecker({ openChecker: small.open, maxCheckers: 2 });
  const checks = Array.from({ length: 100 }, (_, shard) => many.check(partialOf(shard), signal));
  expect(small.calls.map(({ shards }) => shards.length)).toEqual([1, 32]);
  for (let call = 0; call < 5; call += 1) await small.pass(call);
  await Promise.all(checks);
  expect(small.opened).toBe(2);

  const large = new Checkers();
  const few = new PartialChecker({ openChecker: large.open, maxCheckers: 2 });
  const both = [0, 1].map((shard) => few.check(partialOf(shard, 1 << 30), signal));
  expect(large.batches).toEqual([[0], [1]]);
  await large.pass(0);
  await large.pass(1);
  await Promise.all(both);
});

test("after a checker fails, its partials are checked one by one, and only one that fails again is refused", async () => {
  const checkers = new Checkers();
  const checker = new PartialChecker({ openChecker: checkers.open, maxCheckers: 1 });
  const checks = [0, 1, 2].map((shard) => checker.check(partialOf(shard), signal));
  const outcomes = Promise.allSettled(checks);
  await checkers.pass(0);
  await checkers.breakAt(1);
  await checkers.breakAt(2);
  await checkers.pass(3);
  expect(checkers.batches).toEqual([[0], [1, 2], [1], [2]]);
  expect(checkers.opened).toBe(3);
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  const refused = { code: "PARTIAL_INVALID", fields: { shard: 1, found: "the thread ended" } };
  await expect(checks[1]).rejects.toMatchObject(refused);
});

test("a checker that returns too few results has failed, and its partials are refused", async () => {
  const checkers = new Checkers();
  const checker = new PartialChecker({ openChecker: checkers.open });
  const check = checker.check(partialOf(0), signal);
  checkers.calls[0]?.answer.resolve([]);
  await expect(check).rejects.toMatchObject({ code: "PARTIAL_INVALID" });
});

test("an abort ends waiting, running and later checks at once, with its reason", async () => {
  const checkers = new Checkers();
  const checker = new PartialChecker({ openChecker: checkers.open });
  const abort = new AbortController();
  const checks = [0, 1].map((shard) => checker.check(partialOf(shard), abort.signal));
  const other = checker.check(partialOf(2), signal);
  const reason = new Error("stop");
  abort.abort(reason);
  for (const check of checks) await expect(check).rejects.toBe(reason);
  await expect(checker.check(partialOf(3), abort.signal)).rejects.toBe(reason);
  await checkers.pass(0);
  expect(checkers.batches).toEqual([[0], [2]]);
  await checkers.pass(1);
  await other;
  await checker[Symbol.asyncDispose]();
  expect(checkers.closed).toBe(1);
});
