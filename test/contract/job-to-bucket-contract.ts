import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { download, filesBelow, untilCommittedIn, workFolders } from "../support/bucket-output.ts";
import type { BucketServer } from "../support/bucket-server.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { SHARDS, slowJob } from "../support/interrupted-job.ts";
import { digestsOf, startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { lcg } from "../support/onnx-model.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Runs whole jobs whose output is in a bucket of a real server. */
export function jobToBucketContract(name: string, start: () => Promise<BucketServer>): void {
  describe(`a job whose output is in ${name}`, () => {
    let server: BucketServer;
    let storage: Storage;
    let job: KnownJob;
    /** Output of each test, in a folder of its own. */
    let out: Location;
    let count = 0;
    beforeAll(async () => {
      server = await start();
      storage = server.storage();
      job = await KnownJob.make({ rows: 3_000 });
    });
    beforeEach(async () => {
      count += 1;
      out = below(server.bucket, "results", `out-${count}`);
      await job.writeSpec({ output: { path: out } });
    });
    afterAll(async () => {
      await storage[Symbol.asyncDispose]();
      await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    });

    const stateOf = (of: KnownJob) => join(of.folder, `state-${count}`);
    const envOf = (of: KnownJob) => ({ ...of.env, ...server.env, SHARDMILL_STATE: stateOf(of) });
    const run = (of: KnownJob, ...args: string[]) => ["run", of.path, "--workers", "1", ...args];

    /** Expects the right answer in the bucket, without work files there or here. */
    async function expectPublished(of: KnownJob): Promise<void> {
      await download(storage, out, of.out);
      await expectRightAnswer(of);
      expect(await workFolders(stateOf(of))).toEqual([]);
    }

    test("a job publishes the same bytes to a bucket as to a disk, and a second run reports them", async () => {
      const first = await runCli(run(job), { env: envOf(job) });
      expect(first).toMatchObject({ code: 0 });
      expect(first.stdout).toContain(`${out}/_manifest.json`);
      await expectPublished(job);
      const { "_manifest.json": _one, ...inBucket } = await digestsOf(job.out);
      const again = await runCli(run(job, "--json"), { env: envOf(job) });
      expect(again).toMatchObject({ code: 0 });
      expect(JSON.parse(again.stdout)).toMatchObject({ state: "published", output: out });
      await job.writeSpec({ output: { path: "./on-disk" } });
      expect(await runCli(run(job), { env: envOf(job) })).toMatchObject({ code: 0 });
      const { "_manifest.json": _two, ...onDisk } = await digestsOf(job.at("on-disk"));
      expect(inBucket).toEqual(onDisk);
    });

    test.each([
      ["with their own credentials", true],
      ["through the coordinator, without credentials", false],
    ])(
      "workers put their partials %s",
      async (_what, canAsk) => {
        const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
        const { cli, address } = await startListening(job, args, { env: envOf(job) });
        await using coordinator = cli;
        await using worker = startWorker(job, address, [], {
          env: canAsk ? server.env : { ...server.env, ...server.nowhere },
        });
        expect(await coordinator.ended).toMatchObject({ code: 0 });
        expect(await worker.ended).toMatchObject({ code: 0 });
        await expectPublished(job);
      },
      300_000,
    );

    test("the same command resumes the job of a killed coordinator, and repeats no committed shard", async () => {
      await using slow = await slowJob();
      await slow.writeSpec({ output: { path: out } });
      await using killed = startCli(run(slow), { env: envOf(slow), limitMs: 300_000 });
      await untilCommittedIn(stateOf(slow), 3);
      killed.killGroup("SIGKILL");
      await killed.ended;
      const before = await untilCommittedIn(stateOf(slow), 3);
      expect(before.committed.length).toBeLessThan(SHARDS);
      // No file is where readers look.
      expect((await filesBelow(storage, out)).filter((path) => !path.startsWith("_shardmill/"))).toEqual([]);
      const resumed = await runCli(run(slow, "--json"), { env: envOf(slow), limitMs: 300_000 });
      expect(resumed).toMatchObject({ code: 0 });
      const attempts = before.granted + SHARDS - before.committed.length;
      expect(JSON.parse(resumed.stdout)).toMatchObject({ state: "published", attempts });
      await expectPublished(slow);
    });

    test("foreign files in the output are refused, and --fresh replaces the output of another job", async () => {
      const theirs = below(out, "notes.txt");
      await storage.put(theirs, sourceOfBytes("mine"), { signal: NEVER });
      const refused = await runCli(run(job), { env: envOf(job) });
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.stderr).toContain("OUTPUT_OCCUPIED");
      await storage.remove(theirs, NEVER);
      expect(await runCli(run(job), { env: envOf(job) })).toMatchObject({ code: 0 });
      await job.writeSpec({ output: { path: out }, map: { keep: ["id"] }, reduce: {} });
      const other = await runCli(run(job), { env: envOf(job) });
      expect(other.stderr).toMatch(/holds the result of another job/);
      await job.writeSpec({ output: { path: out } });
      expect(await runCli(run(job, "--fresh"), { env: envOf(job) })).toMatchObject({ code: 0 });
      await expectPublished(job);
    });

    test("a missing bucket is reported while planning", async () => {
      await job.writeSpec({ output: { path: below(server.noBucket, "out") } });
      const { code, stderr } = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], { env: envOf(job) });
      expect(code).toBe(1);
      expect(stderr).toContain(server.noBucket);
    });

    test("two coordinators on two machines publish once, when one is killed and restarted", async () => {
      const [here, there] = ["here", "there"].map((name) => ({
        ...envOf(job),
        SHARDMILL_STATE: join(stateOf(job), name),
      }));
      const args = run(job, "--json");
      await using first = startCli(args, { env: here ?? {}, limitMs: 300_000 });
      await using second = startCli(args, { env: there ?? {}, limitMs: 300_000 });
      await untilCommittedIn(join(stateOf(job), "here"), 0);
      first.killGroup("SIGKILL");
      await first.ended;
      await using third = startCli(args, { env: here ?? {}, limitMs: 300_000 });
      for (const each of [second, third]) {
        const { code, stdout } = await each.ended;
        expect(code).toBe(0);
        expect(JSON.parse(stdout)).toMatchObject({ state: "published", output: out });
      }
      await download(storage, out, job.out);
      await expectRightAnswer(job);
      for (const name of ["here", "there"]) expect(await workFolders(join(stateOf(job), name))).toEqual([]);
    });

    test("the reported numbers of requests and bytes equal those that the store received", async () => {
      const input = below(server.bucket, "in");
      for (const name of await readdir(job.at("data")))
        await storage.put(below(input, name), sourceOfBytes(await readFile(job.at("data", name))), {
          signal: NEVER,
        });
      await job.writeSpec({ input: { path: input, shardRows: 300 }, output: { path: out } });
      let requests = 0;
      // Throttled requests are repeated, and count as requests, too.
      await using proxy = await startFaultyProxy(server.endpoint, () =>
        ++requests % 7 === 0 ? "busy" : null,
      );
      const env = { ...envOf(job), ...server.envAt(proxy.endpoint) };
      const ran = await runCli(run(job, "--json"), { env, limitMs: 300_000 });
      expect(ran, ran.stderr).toMatchObject({ code: 0 });
      await expectPublished(job);
      const busy = proxy.struck.get("busy");
      expect(busy).toBeGreaterThan(5);
      const { requests: requested, bytesSent, bytesAnswered } = proxy.seen;
      const { stores } = JSON.parse(ran.stdout);
      expect(stores).toMatchObject([
        { store: server.bucket, requests: requested, retries: busy, throttled: busy },
      ]);
      expect(stores).toMatchObject([{ bytesRead: bytesAnswered, bytesWritten: bytesSent }]);
    });

    test("lost, doubled, late and refused answers of the store do not change the output", async () => {
      const random = lcg(5);
      const faults = ["busy", "lost", "twice", "late"] as const;
      await using proxy = await startFaultyProxy(server.endpoint, () => {
        return random() < 0.2 ? (faults[Math.floor(random() * faults.length)] ?? null) : null;
      });
      const env = { ...envOf(job), ...server.envAt(proxy.endpoint) };
      const { code, stderr } = await runCli(run(job), { env, limitMs: 300_000 });
      expect({ code, stderr }).toMatchObject({ code: 0 });
      for (const fault of faults) expect(proxy.struck.get(fault)).toBeGreaterThan(0);
      await expectPublished(job);
    });
  });
}
