import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { aDigest } from "../support/ids.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { type CliProcess, startCli } from "../support/processes.ts";
import { RawWorker, rawPartial, refOf } from "../support/raw-worker.ts";
import { failureOf } from "../support/wire-rig.ts";

/**
 * Calls to a real coordinator that are repeated, late, or out of order. None of them may lose or double a
 * row. Each test ends with real workers doing the rest, and every row published once.
 */

const ROWS = 400;
const failure = errorToData(new ShardmillError("MODEL_FAILED", "made up"));

let job: JobFolder;
const started: CliProcess[] = [];
beforeEach(async () => {
  job = await JobFolder.make({ spec: { reduce: {} } });
});
afterEach(async () => {
  for (const cli of started.splice(0)) await cli[Symbol.asyncDispose]();
  await job[Symbol.asyncDispose]();
});

async function coordinator(...more: readonly string[]): Promise<{ cli: CliProcess; address: string }> {
  const args = ["coordinator", job.job, "--listen", "127.0.0.1:0", "--log-level", "error", ...more];
  const cli = startCli(args);
  started.push(cli);
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  return { cli, address };
}

/**
 * Lets real workers do the rest, and expects each row once.
 *
 * @returns the number of rows from the raw worker's partials
 */
async function finish({ cli, address }: { cli: CliProcess; address: string }): Promise<number> {
  const worker = startCli(["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"]);
  started.push(worker);
  expect(await cli.ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining("error") });
  await worker.ended;
  const rows = await query(
    `SELECT id, best FROM '${job.out}/rows/*.parquet' ORDER BY filename, file_row_number`,
  );
  expect(rows.map(([id]) => Number(id))).toEqual(Array.from({ length: ROWS }, (_, id) => id));
  return rows.filter(([, best]) => Number(best) > 100).length;
}

/** Value of the raw worker's rows, which no model of this job returns. */
const RAW = 101;

test("a partial that is put and offered repeatedly and concurrently is committed once", async () => {
  const running = await coordinator();
  await using raw = new RawWorker(running.address);
  const session = await raw.register();
  const lease = await raw.lease(session);
  const partial = await rawPartial(lease, "e1", RAW);
  await Promise.all([raw.put(session, lease.jobId, partial), raw.put(session, lease.jobId, partial)]);
  const { work } = raw.client;
  const offer = () => work.offerPartial(session, lease.jobId, partial.manifest);
  const answers = await Promise.all([offer(), offer(), offer()]);
  for (const { kind } of answers) expect(["committed", "alreadyCommitted"]).toContain(kind);
  // Files for a committed shard are refused.
  const over = { code: "LEASE_STALE" };
  expect(await failureOf(raw.put(session, lease.jobId, partial))).toMatchObject(over);
  expect(["committed", "alreadyCommitted"]).toContain((await offer()).kind);

  // Another execution of the same shard under the same token comes too late.
  const other = await rawPartial(lease, "e2", RAW + 1);
  expect(await failureOf(raw.put(session, lease.jobId, other))).toMatchObject(over);
  expect((await work.offerPartial(session, lease.jobId, other.manifest)).kind).not.toBe("committed");
  // A failure, a release and a heartbeat for a committed shard.
  const ref = refOf(lease);
  expect(await failureOf(work.failAttempt(session, ref, failure))).toMatchObject({ code: "LEASE_STALE" });
  expect(await failureOf(work.releaseLease(session, ref))).toMatchObject({ code: "LEASE_STALE" });
  const [state] = await work.heartbeat(
    {
      session,
      leases: [{ lease: ref, rowsDone: 1 }],
      busy: {},
      padding: null,
      stores: [],
    },
    NEVER,
  );
  expect(state?.live).toBe(false);
  expect(await finish(running)).toBe(50);
});

test("a worker that registers repeatedly has one session, and its previous sessions are refused", async () => {
  const running = await coordinator();
  await using raw = new RawWorker(running.address);
  const { work } = raw.client;
  const old = await raw.register();
  const lease = await raw.lease(old);
  const sessions = [await raw.register(), await raw.register(), await raw.register()];
  const session = sessions.at(-1) ?? old;
  for (const stale of [old, ...sessions.slice(0, -1)]) {
    const refused = { code: "SESSION_STALE" };
    const beat = {
      session: stale,
      leases: [{ lease: refOf(lease), rowsDone: 9 }],
      busy: {},
      padding: null,
      stores: [],
    };
    expect(await failureOf(work.heartbeat(beat, NEVER))).toMatchObject(refused);
    expect(await failureOf(work.requestLease(stale, 0, [], NEVER))).toMatchObject(refused);
    expect(await failureOf(work.releaseLease(stale, refOf(lease)))).toMatchObject(refused);
    expect(await failureOf(work.failAttempt(stale, refOf(lease), failure))).toMatchObject(refused);
    const partial = await rawPartial(lease, "e1", RAW);
    expect(await failureOf(raw.put(stale, lease.jobId, partial))).toMatchObject(refused);
    expect(await failureOf(work.leave(stale, null, NEVER))).toMatchObject(refused);
  }
  await raw.lease(session);
  await work.leave(session, null, NEVER);
  expect(await failureOf(work.leave(session, null, NEVER))).toMatchObject({ code: "SESSION_STALE" });
  expect(await finish(running)).toBe(0);
});

test("after a lease expires, a release and a failure are refused, and the first offer is committed", async () => {
  const running = await coordinator("--lease-ms", "600", "--heartbeat-ms", "200");
  await using raw = new RawWorker(running.address);
  await using other = new RawWorker(running.address, "raw-2");
  const { work } = raw.client;
  const session = await raw.register();
  const lease = await raw.lease(session);
  const partial = await rawPartial(lease, "e1", RAW);
  await raw.put(session, lease.jobId, partial);
  const beat = () => work.heartbeat({ session, leases: [], busy: {}, padding: null, stores: [] }, NEVER);
  // Heartbeats without a renewal: the lease expires, and the session stays.
  for (let round = 0; round < 14; round += 1) {
    await beat();
    await sleep(150, NEVER);
  }
  const ref = refOf(lease);
  expect(await failureOf(work.releaseLease(session, ref))).toMatchObject({ code: "LEASE_STALE" });
  expect(await failureOf(work.failAttempt(session, ref, failure))).toMatchObject({ code: "LEASE_STALE" });
  // Another worker has the shard now. The late offer is still the first, and is committed.
  const second = await other.register();
  const again = await other.lease(second);
  expect(again.shard.id).toBe(lease.shard.id);
  expect((await work.offerPartial(session, lease.jobId, partial.manifest)).kind).toBe("committed");
  const loser = await rawPartial(again, "e2", RAW + 1);
  expect(await failureOf(other.put(second, again.jobId, loser))).toMatchObject({ code: "LEASE_STALE" });
  expect((await other.client.work.offerPartial(second, again.jobId, loser.manifest)).kind).not.toBe(
    "committed",
  );
  expect(await finish(running)).toBe(50);
});

test("after a coordinator's restart, calls of the previous generation never count twice", async () => {
  const before = await coordinator();
  const raw = new RawWorker(before.address);
  const old = await raw.register();
  const [first, second] = [await raw.lease(old), await raw.lease(old)];
  const [done, open] = [await rawPartial(first, "e1", RAW), await rawPartial(second, "e2", RAW)];
  await raw.put(old, first.jobId, done);
  await raw.put(old, second.jobId, open);
  expect((await raw.client.work.offerPartial(old, first.jobId, done.manifest)).kind).toBe("committed");
  before.cli.kill("SIGKILL");
  await before.cli.ended;
  await raw[Symbol.asyncDispose]();

  const after = await coordinator();
  await using returned = new RawWorker(after.address);
  const { work } = returned.client;
  const offerOld = () => work.offerPartial(old, second.jobId, open.manifest);
  expect(await failureOf(offerOld())).toMatchObject({ code: "SESSION_STALE" });
  const session = await returned.register();
  for (const lease of [first, second]) {
    const stale = { code: expect.stringMatching(/^(LEASE|SESSION)_STALE$/) };
    expect(await failureOf(work.releaseLease(session, refOf(lease)))).toMatchObject(stale);
    expect(await failureOf(work.failAttempt(session, refOf(lease), failure))).toMatchObject(stale);
  }
  const offer = (partial: typeof done) => work.offerPartial(session, first.jobId, partial.manifest);
  expect(["committed", "alreadyCommitted"]).toContain((await offer(done)).kind);
  expect((await offer(open)).kind).toBe("committed");
  expect(
    (await offer({ ...open, manifest: { ...open.manifest, executionId: asExecutionId("e3") } })).kind,
  ).not.toBe("committed");
  expect(await finish(after)).toBe(100);
});

test("a file is accepted only for a granted lease, also after the lease expired", async () => {
  const running = await coordinator("--lease-ms", "600", "--heartbeat-ms", "200");
  await using raw = new RawWorker(running.address);
  const session = await raw.register();
  const lease = await raw.lease(session);
  const { manifest, bytes } = await rawPartial(lease, "e1", RAW);
  const { generation, sequence } = lease.token;
  for (const token of [
    { generation: generation + 6, sequence },
    { generation, sequence: sequence + 1 },
    { generation, sequence: 0 },
  ]) {
    const lie = { manifest: { ...manifest, token }, bytes };
    expect(await failureOf(raw.put(session, lease.jobId, lie))).toMatchObject({ code: "LEASE_STALE" });
  }
  for (const shard of [lease.shard.id + 1, 9_999_999]) {
    const lie = { manifest: { ...manifest, shard: shardId(shard) }, bytes };
    expect(await failureOf(raw.put(session, lease.jobId, lie))).toMatchObject({ code: "LEASE_STALE" });
  }
  expect(await readdir(join(job.out, "_shardmill", "partials"))).toEqual(["beacon"]);
  for (let round = 0; round < 14; round += 1) {
    await raw.client.work.heartbeat({ session, leases: [], busy: {}, padding: null, stores: [] }, NEVER);
    await sleep(150, NEVER);
  }
  await raw.put(session, lease.jobId, { manifest, bytes });
  expect((await raw.client.work.offerPartial(session, lease.jobId, manifest)).kind).toBe("committed");
  expect(await finish(running)).toBe(50);
});

test("invalid partials are refused, change nothing, and leave no file on the disk", async () => {
  const running = await coordinator();
  await using raw = new RawWorker(running.address);
  const session = await raw.register();
  const lease = await raw.lease(session);
  const { manifest, bytes } = await rawPartial(lease, "e1", RAW);
  const { work } = raw.client;
  const offers = [
    { ...manifest, rowsIn: 49, rowsOut: 49 },
    { ...manifest, executionId: asExecutionId("e9") },
    { ...manifest, digest: aDigest("0".repeat(64)) },
    { ...manifest, files: [] },
  ];
  await raw.put(session, lease.jobId, { manifest, bytes });
  for (const offered of offers) {
    const answer = await work.offerPartial(session, lease.jobId, offered).catch((error: unknown) => error);
    expect(answer).toMatchObject({
      kind: "refused",
      error: { code: expect.stringMatching(/PARTIAL_INVALID|LEASE_STALE/) },
    });
  }
  for (const executionId of ["../../e1", "e1/x", "", "x".repeat(300)].map(asExecutionId)) {
    const lie = { ...manifest, executionId };
    expect(await failureOf(raw.put(session, lease.jobId, { manifest: lie, bytes }))).toBeInstanceOf(
      ShardmillError,
    );
    const answer = await work.offerPartial(session, lease.jobId, lie).catch((error: unknown) => error);
    expect(answer).not.toMatchObject({ kind: "committed" });
  }
  const left = await readdir(join(job.out, "_shardmill", "partials"));
  expect(left.filter((name) => name !== "beacon" && name !== partialFolder(manifest))).toEqual([]);
  expect(await finish(running)).toBe(0);
});
