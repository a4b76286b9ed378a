import { describe, expect, test } from "vitest";
import { JobShell, type ShellWork } from "../../../../coordinator/job/job-shell.ts";
import { createJobState } from "../../../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { type Deferred, deferred } from "../../../../shared/core/abort.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { manualClock } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { aConfig, aPartial, aPlan, DIGESTS, filesOf } from "../schedule/harness.ts";

const anna = workerSession("anna");

/** A journal whose writes finish on request, and a shell's work that the test controls. */
class Rig {
  readonly records: string[] = [];
  readonly writes: Deferred<void>[] = [];
  readonly work: ShellWork & { done: string[] };
  readonly clock = manualClock(1_000);
  readonly shell: JobShell;
  held = false;
  wakes = 0;

  constructor(work: Partial<ShellWork> = {}) {
    const done: string[] = [];
    this.work = {
      done,
      verify: async (partial) => void done.push(`verify ${partial.shard}`),
      discard: async (partial) => void done.push(`discard ${partial.shard}`),
      reduce: async () => {
        done.push("reduce");
        return aDigest("digest");
      },
      publish: async (digest) => void done.push(`publish ${digest}`),
      whyLost: async () => null,
      ...work,
    };
    this.shell = new JobShell({
      state: createJobState(aConfig(), 1),
      journal: {
        append: (record, { durable }) => this.#append(record, durable),
        eventAppended: () => {},
      },
      clock: this.clock,
      work: this.work,
      onWake: () => {
        this.wakes += 1;
      },
    });
  }

  async start(shards: number): Promise<void> {
    await this.shell.dispatch({ kind: "jobAccepted", jobId: aJobId("j"), name: "n", digests: DIGESTS });
    const plan = aPlan(shards);
    await this.shell.dispatch({ kind: "planSealed", files: filesOf(plan), shards: plan });
    await this.shell.dispatch({ kind: "workerJoined", worker: anna, name: "anna", slots: 8 });
  }

  async grant() {
    const answer = await this.shell.dispatch({ kind: "leaseRequested", worker: anna });
    if (answer?.kind !== "grant") throw new Error(`expected a grant, found ${answer?.kind}`);
    return answer;
  }

  #append(record: JournalRecord, durable: boolean): Promise<void> {
    this.records.push(record.kind);
    if (!durable || !this.held) return Promise.resolve();
    const write = deferred<void>();
    this.writes.push(write);
    return write.promise;
  }
}

/** Waits until all code that needs no outside help has run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the job shell", () => {
  test("a job of one shard runs each step from lease to publish once and in order", async () => {
    const rig = new Rig();
    await rig.start(1);
    const { shard, token } = await rig.grant();
    expect(await rig.shell.offer(anna, aPartial(shard, token))).toEqual({ kind: "committed" });
    expect(await rig.shell.ended).toMatchObject({ kind: "jobEnded", phase: "published", reason: null });
    await rig.shell.idle();
    expect(rig.work.done).toEqual(["verify 0", "reduce", "publish digest"]);
    expect(rig.records).toEqual([
      "jobAccepted",
      "planSealed",
      "leaseGranted",
      "shardCommitted",
      "publishIntent",
      "published",
    ]);
  });

  test("no offer is acknowledged before its record is on disk", async () => {
    const rig = new Rig();
    await rig.start(2);
    const { shard, token } = await rig.grant();
    rig.held = true;
    let answered = false;
    const offer = rig.shell.offer(anna, aPartial(shard, token)).then(() => {
      answered = true;
    });
    await settle();
    expect(rig.records.at(-1)).toBe("shardCommitted");
    expect(answered).toBe(false);
    rig.writes[0]?.resolve();
    await offer;
    expect(answered).toBe(true);
  });

  test("a response that depends on the record of an earlier event waits for that record", async () => {
    const rig = new Rig();
    await rig.start(2);
    const { shard, token } = await rig.grant();
    rig.held = true;
    const first = rig.shell.offer(anna, aPartial(shard, token));
    await settle();
    expect(rig.records.at(-1)).toBe("shardCommitted");
    let told = false;
    const late = rig.shell.offer(anna, aPartial(shard, token)).then((outcome) => {
      told = true;
      return outcome;
    });
    await settle();
    expect(told).toBe(false);
    expect(rig.work.done).not.toContain("discard 0");
    rig.writes[0]?.resolve();
    expect(await first).toEqual({ kind: "committed" });
    expect(await late).toEqual({ kind: "alreadyCommitted" });
  });

  test("records reach the journal in the order of their events, although no write has finished", async () => {
    const rig = new Rig();
    await rig.start(2);
    await rig.grant();
    rig.held = true;
    const before = rig.records.length;
    const events = [
      rig.shell.dispatch({ kind: "standingRequested", change: { priority: 1 } }),
      rig.shell.dispatch({ kind: "leaseRequested", worker: anna }),
      rig.shell.dispatch({ kind: "cancelRequested", reason: "enough" }),
    ];
    await settle();
    expect(rig.records.slice(before)).toEqual([
      "standingChanged",
      "leaseGranted",
      "jobCancelled",
      "attemptEnded",
      "attemptEnded",
    ]);
    for (const write of rig.writes) write.resolve();
    await Promise.all(events);
  });

  test("a record reaches the journal at its event, and a repeated event adds none while the write is pending", async () => {
    const rig = new Rig();
    await rig.start(2);
    rig.held = true;
    const cancel = rig.shell.dispatch({ kind: "cancelRequested", reason: "enough" });
    expect(rig.records.at(-1)).toBe("jobCancelled");
    const late = rig.shell.dispatch({ kind: "cancelRequested", reason: "again" });
    expect(rig.records.filter((kind) => kind === "jobCancelled")).toHaveLength(1);
    for (const write of rig.writes) write.resolve();
    expect(await cancel).toMatchObject({ kind: "done" });
    await late;
    expect(await rig.shell.ended).toMatchObject({ phase: "cancelled" });
  });

  test("a repeated offer gets the response of the first and is verified once", async () => {
    const rig = new Rig();
    await rig.start(2);
    const { shard, token } = await rig.grant();
    const partial = aPartial(shard, token);
    const answers = await Promise.all([rig.shell.offer(anna, partial), rig.shell.offer(anna, partial)]);
    expect(answers).toEqual([{ kind: "committed" }, { kind: "committed" }]);
    expect(rig.work.done).toEqual(["verify 0"]);
  });

  test("an invalid partial is refused with the reason, wakes waiting workers, and its shard can be leased again", async () => {
    const rig = new Rig({
      verify: () => Promise.reject(new ShardmillError("PARTIAL_INVALID", "a file is short")),
    });
    await rig.start(1);
    const { shard, token } = await rig.grant();
    const wakesBefore = rig.wakes;
    const outcome = await rig.shell.offer(anna, aPartial(shard, token));
    expect(outcome).toMatchObject({ kind: "refused", reason: { code: "PARTIAL_INVALID" } });
    expect(rig.wakes).toBeGreaterThan(wakesBefore);
    rig.clock.advance(1_000);
    expect((await rig.grant()).shard).toEqual(shard);
  });

  test("an error that prevents any check of partials fails the job, and no attempt counts as failed", async () => {
    const rig = new Rig({ verify: () => Promise.reject(new ShardmillError("OUTPUT_FAILED", "no line")) });
    await rig.start(1);
    const { shard, token } = await rig.grant();
    const outcome = await rig.shell.offer(anna, aPartial(shard, token));
    expect(outcome).toMatchObject({ kind: "refused", reason: { code: "JOB_ENDED" } });
    expect(await rig.shell.ended).toMatchObject({ phase: "failed", reason: { code: "OUTPUT_FAILED" } });
    expect(rig.records).not.toContain("attemptEnded");
  });

  test("a partial found damaged while reducing is revoked, and its shard runs again", async () => {
    let tries = 0;
    const rig: Rig = new Rig({
      reduce: async () => {
        tries += 1;
        if (tries > 1) return aDigest("digest");
        const fields = { shard: 0, digest: first.digest };
        throw new ShardmillError("PARTIAL_INVALID", "bits have flipped", { fields });
      },
    });
    await rig.start(1);
    const granted = await rig.grant();
    const first = aPartial(granted.shard, granted.token);
    await rig.shell.offer(anna, first);
    await rig.shell.idle();
    expect(rig.records).toContain("shardRevoked");
    const again = await rig.grant();
    await rig.shell.offer(anna, aPartial(again.shard, again.token));
    expect(await rig.shell.ended).toMatchObject({ phase: "published" });
    expect(tries).toBe(2);
  });

  test("an output that cannot be published fails the job with that reason", async () => {
    const rig = new Rig({ publish: () => Promise.reject(new ShardmillError("OUTPUT_FAILED", "disk full")) });
    await rig.start(1);
    const { shard, token } = await rig.grant();
    await rig.shell.offer(anna, aPartial(shard, token));
    expect(await rig.shell.ended).toMatchObject({ phase: "failed", reason: { code: "OUTPUT_FAILED" } });
  });

  test.each<[string, (fails: () => Promise<never>) => Partial<ShellWork>]>([
    ["verify", (verify) => ({ verify })],
    ["reduce", (reduce) => ({ reduce })],
    ["publish", (publish) => ({ publish })],
  ])(
    "after another coordinator has taken the job, an error in %s is no failure of the job",
    async (_what, workOf) => {
      const fails = () => Promise.reject(new ShardmillError("OUTPUT_FAILED", "the stage is missing"));
      const lost = new ShardmillError("OUTPUT_LOCKED", "another coordinator has taken the job");
      const rig = new Rig({ ...workOf(fails), whyLost: async () => lost });
      await rig.start(1);
      const { shard, token } = await rig.grant();
      await rig.shell.offer(anna, aPartial(shard, token)).catch(() => {});
      await expect(rig.shell.ended).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
      expect(rig.records).not.toContain("jobFailed");
    },
  );

  test("a failed journal write rejects the offer, the job and all later events", async () => {
    const rig = new Rig();
    await rig.start(2);
    const { shard, token } = await rig.grant();
    rig.held = true;
    const offer = rig.shell.offer(anna, aPartial(shard, token));
    offer.catch(() => {});
    await settle();
    rig.writes[0]?.reject(new ShardmillError("JOURNAL_FAILED", "no space left"));
    await expect(offer).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    await expect(rig.shell.ended).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    await expect(rig.shell.dispatch({ kind: "tick" })).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  });

  test("offers that are still open when the job ends are refused", async () => {
    const gate = deferred<void>();
    const rig = new Rig({ verify: () => gate.promise });
    await rig.start(1);
    const { shard, token } = await rig.grant();
    const offer = rig.shell.offer(anna, aPartial(shard, token));
    await settle();
    await rig.shell.dispatch({ kind: "cancelRequested", reason: "enough" });
    expect(await offer).toMatchObject({ kind: "refused", reason: { code: "JOB_ENDED" } });
    gate.resolve();
    await rig.shell.idle();
  });
});
