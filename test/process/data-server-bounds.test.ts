import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataServer, type DataServerOptions } from "../../coordinator/data/data-server.ts";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import type { PutHeader } from "../../shared/wire/services.ts";
import { aJobId } from "../support/ids.ts";
import { failureOf } from "../support/wire-rig.ts";

/** Bounds of the cost of an upload: see decision 32. */

const session = workerSession("s1");
let root = "";
let partials = "";
let checkUpload: () => void = () => {};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-server-"));
  partials = join(root, "partials");
  await mkdir(partials);
  checkUpload = () => {};
});

afterEach(() => rm(root, { recursive: true, force: true }));

function server(limits: DataServerOptions["limits"] = {}): DataServer {
  const job = {
    stores: NO_STORES,
    inputPaths: new Set<never>(),
    modelPaths: new Set<never>(),
    partialsPath: parseLocation(partials),
    spoolPath: `${partials}-spool`,
    checkUpload: () => checkUpload(),
  };
  return new DataServer({ knowsSession: (known) => known === session, job: () => job, limits });
}

function aHeader(changes: Partial<PutHeader> = {}): PutHeader {
  const token = { generation: 2, sequence: 9 };
  const lease = { session, jobId: aJobId("j1"), shard: shardId(4), token, executionId: asExecutionId("e1") };
  return { ...lease, name: "rows.parquet", bytes: 6, ...changes };
}

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function storedFiles(): Promise<string[]> {
  const entries = await readdir(partials, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test("a put whose lease the job refuses fails before and after its wait for a turn", async () => {
  const stale = new ShardmillError("LEASE_STALE", "the lease is over");
  const one = server({ puts: 1 });
  const [holding, waiting] = [deferred<void>(), deferred<void>()];
  const first = one.putPartialFile(
    aHeader(),
    (async function* () {
      holding.resolve();
      await waiting.promise;
      yield Buffer.from("abcdef");
    })(),
    NEVER,
  );
  await holding.promise;
  const second = one.putPartialFile(aHeader({ name: "errors.parquet" }), pieces("abcdef"), NEVER);
  checkUpload = () => {
    throw stale;
  };
  expect(await failureOf(one.putPartialFile(aHeader(), pieces("abcdef"), NEVER))).toBe(stale);
  waiting.resolve();
  await first;
  expect(await failureOf(second)).toBe(stale);
  expect(await storedFiles()).toHaveLength(1);
});

test("a put that waits too long for its turn fails with RESOURCE_EXHAUSTED and can be retried", async () => {
  const one = server({ puts: 1, waitMs: 20 });
  const [holding, waiting] = [deferred<void>(), deferred<void>()];
  const first = one.putPartialFile(
    aHeader(),
    (async function* () {
      holding.resolve();
      await waiting.promise;
      yield Buffer.from("abcdef");
    })(),
    NEVER,
  );
  await holding.promise;
  const again = () => one.putPartialFile(aHeader({ name: "errors.parquet" }), pieces("abcdef"), NEVER);
  expect(await failureOf(again())).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  waiting.resolve();
  await first;
  await again();
  expect(await storedFiles()).toHaveLength(2);
});

test("uploads of one identity take at most three quarters of the turns, over all of its workers", async () => {
  const one = server({ puts: 4, waitMs: 20 });
  const [holding, waiting] = [[deferred<void>(), deferred<void>(), deferred<void>()], deferred<void>()];
  const who = (name: string, peer: string) => ({ name, peer, role: "work" }) as const;
  const put = (shard: number, chunks: AsyncIterable<Uint8Array>, by: ReturnType<typeof who>) =>
    one.putPartialFile({ ...aHeader({ shard: shardId(shard) }), who: by }, chunks, NEVER);
  const stuck = holding.map((begun, shard) =>
    put(
      shard,
      (async function* () {
        begun.resolve();
        await waiting.promise;
        yield Buffer.from("abcdef");
      })(),
      who("token 1 (a)", `10.0.0.${shard}:1`),
    ),
  );
  await Promise.all(holding.map(({ promise }) => promise));
  const more = put(10, pieces("abcdef"), who("token 1 (a)", "10.0.0.9:1"));
  expect(await failureOf(more)).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  await put(11, pieces("abcdef"), who("token 2 (b)", "10.0.0.9:1"));
  waiting.resolve();
  await Promise.all(stuck);
  await put(10, pieces("abcdef"), who("token 1 (a)", "10.0.0.9:1"));
});

test("a put does not recreate the folder of a removed job", async () => {
  await rm(partials, { recursive: true });
  expect(await failureOf(server().putPartialFile(aHeader(), pieces("abcdef"), NEVER))).toMatchObject({
    code: "STORE_NOT_FOUND",
  });
  expect(await readdir(root)).toEqual([]);
});

test("a put that is too slow fails, stores nothing and frees its turn", async () => {
  const one = server({ puts: 1, pace: { everyMs: 50, leastBytes: 4 } });
  const stuck = (async function* () {
    yield Buffer.from("abc");
    await new Promise(() => {});
  })();
  const first = one.putPartialFile(aHeader(), stuck, NEVER);
  const second = one.putPartialFile(aHeader({ name: "errors.parquet" }), pieces("abcdef"), NEVER);
  expect(await failureOf(first)).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await second;
  expect(await storedFiles()).toEqual([join(partials, "4-2.9-e1", "errors.parquet")]);
});

test("a put whose sender fails stores nothing and frees its turn", async () => {
  const one = server({ puts: 1, waiting: 0 });
  const reason = new Error("connection lost");
  const broken = (async function* () {
    yield Buffer.from("abc");
    throw reason;
  })();
  expect(await failureOf(one.putPartialFile(aHeader(), broken, NEVER))).toBe(reason);
  expect(await storedFiles()).toEqual([]);
  await one.putPartialFile(aHeader(), pieces("abcdef"), NEVER);
});

test("a lease accepts files of one execution only, up to a limit of bytes", async () => {
  const one = server({ partialBytes: 10 });
  await one.putPartialFile(aHeader(), pieces("abcdef"), NEVER);
  await one.putPartialFile(aHeader(), pieces("abcdef"), NEVER);
  for (const changes of [{ executionId: asExecutionId("e2") }, { name: "errors.parquet" }]) {
    expect(await failureOf(one.putPartialFile(aHeader(changes), pieces("abcdef"), NEVER))).toMatchObject({
      code: "STORE_REFUSED",
    });
  }
  const next = { generation: 2, sequence: 10 };
  await one.putPartialFile(
    aHeader({ token: next, executionId: asExecutionId("e2") }),
    pieces("abcdef"),
    NEVER,
  );
});

test("a lease has at most two puts open at once, and another lease has its own limit", async () => {
  const one = server();
  const waiting = deferred<void>();
  const slow = async function* () {
    await waiting.promise;
    yield Buffer.from("abcdef");
  };
  const names = ["rows.parquet", "errors.parquet"];
  const open = names.map((name) => one.putPartialFile(aHeader({ name }), slow(), NEVER));
  const caller = new AbortController();
  const third = one.putPartialFile(aHeader({ name: "scan.parquet" }), pieces("abcdef"), caller.signal);
  await one.putPartialFile(aHeader({ token: { generation: 2, sequence: 10 } }), pieces("abcdef"), NEVER);
  expect(await storedFiles()).toContainEqual(expect.stringContaining("4-2.10-e1"));
  caller.abort(new Error("enough"));
  expect(await failureOf(third)).toMatchObject({ message: "enough" });
  waiting.resolve();
  await Promise.all(open);
  expect(await storedFiles()).toHaveLength(3);
});
