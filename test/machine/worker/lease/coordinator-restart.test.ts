import { describe, expect, test } from "vitest";
import { type Deferred, deferred, NEVER, sleep } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import type { ExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { Lease } from "../../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { tokenKey } from "../../../../shared/domain/token.ts";
import { ownVersions } from "../../../../shared/wire/protocol.ts";
import type { LeaseAnswer } from "../../../../shared/wire/services.ts";
import { LeaseLoop } from "../../../../worker/lease/lease-loop.ts";
import { aLease, aPartialManifest, aWorker, rowCounts } from "../../../support/builders.ts";
import { FakeWork } from "../../../support/fake-work.ts";
import { aDigest } from "../../../support/ids.ts";

/** A coordinator that is killed and restarted while a worker runs a shard. */

const never = new AbortController().signal;
const granted = (shard: number, sequence: number): LeaseAnswer => ({
  kind: "lease",
  lease: aLease({ shard, sequence }),
});
const stale = new ShardmillError("SESSION_STALE", "who are you");
const gone = new ShardmillError("COORDINATOR_UNREACHABLE", "nobody there");

/** A loop whose shards run until the test ends them. It records started and abandoned shards. */
class Rig {
  readonly work = new FakeWork();
  readonly begun: string[] = [];
  readonly givenUp: number[] = [];
  readonly gates = new Map<number, Deferred<void>>();
  readonly #drain = new AbortController();
  readonly #ended: Promise<unknown>;

  constructor(...answers: FakeWork["answers"]) {
    this.work.answers.push(...answers);
    const loop = new LeaseLoop({
      work: this.work,
      registration: { ...aWorker(), ...ownVersions() },
      runner: { run: (lease, executionId, { signal }) => this.#run(lease, executionId, signal) },
      takeBusy: () => ({}),
      takePadding: () => null,
      clock: systemClock,
      log: silentLogger,
      giveUpMs: 10_000,
      drainMs: 5_000,
      onSession: () => {},
    });
    this.#ended = loop.run(this.#drain.signal, never);
  }

  async until(isTrue: () => boolean): Promise<void> {
    for (let waitedMs = 0; !isTrue(); waitedMs += 5) {
      if (waitedMs > 5_000)
        throw new Error(
          `the condition is not met: ${this.work.heard}, running ${JSON.stringify(this.work.running)}`,
        );
      await sleep(5, NEVER);
    }
  }

  async drained(): Promise<readonly string[]> {
    this.#drain.abort();
    await this.#ended;
    return this.work.heard;
  }

  async #run(lease: Lease, executionId: ExecutionId, signal: AbortSignal): Promise<PartialManifest> {
    const { shard, token } = lease;
    this.begun.push(tokenKey(token));
    const gate = deferred<void>();
    this.gates.set(shard.id, gate);
    signal.addEventListener("abort", () => {
      this.givenUp.push(shard.id);
      gate.reject(signal.reason);
    });
    await gate.promise;
    return aPartialManifest({ shard: shard.id, token, executionId, ...rowCounts(100), digest: aDigest("d") });
  }
}

describe("a worker whose coordinator restarted", () => {
  test("reports its running shard, and does not restart the shard if it is granted again", async () => {
    const rig = new Rig(granted(1, 1), stale, granted(1, 7));
    await rig.until(() => rig.work.running.length === 4);
    expect(rig.work.running).toEqual([[], [], [1], []]);
    expect(rig.begun).toEqual(["1.1"]);
    // The lease was renewed under the new token. Otherwise its loss would have no effect.
    rig.work.lost.add(1);
    await rig.until(() => rig.givenUp.length === 1);
    expect(await rig.drained()).toEqual(["register", "register", "leave"]);
  });

  test("offers a shard that it finishes without a lease under the new session", async () => {
    const rig = new Rig(granted(1, 1), stale);
    await rig.until(() => rig.work.running.length === 3);
    rig.work.lost.add(1);
    await sleep(50, NEVER);
    expect(rig.givenUp).toEqual([]);
    rig.gates.get(1)?.resolve();
    await rig.until(() => rig.work.heard.includes("offer 1 by s2"));
    expect(await rig.drained()).toEqual(["register", "register", "offer 1 by s2", "leave"]);
  });

  test("repeats an offer until the job has resumed, but not if the job ended under its lease", async () => {
    const rig = new Rig(granted(1, 1), stale);
    const ended = new ShardmillError("JOB_ENDED", "no such job");
    const offerPartial = rig.work.offerPartial.bind(rig.work);
    let refusals = 2;
    rig.work.offerPartial = (...args) => (refusals-- > 0 ? Promise.reject(ended) : offerPartial(...args));
    await rig.until(() => rig.work.running.length === 3);
    rig.gates.get(1)?.resolve();
    await rig.until(() => rig.work.heard.includes("offer 1 by s2"));
    expect(await rig.drained()).toEqual(["register", "register", "offer 1 by s2", "leave"]);

    const leased = new Rig(granted(1, 1));
    leased.work.offerPartial = () => Promise.reject(ended);
    await leased.until(() => leased.begun.length === 1);
    leased.gates.get(1)?.resolve();
    await leased.until(() => leased.work.heard.includes("fail 1 JOB_ENDED"));
    await leased.drained();
  });

  test("stops a shard that the coordinator does not grant again when it grants another shard", async () => {
    const rig = new Rig(granted(1, 1), granted(2, 2), stale, granted(2, 7), granted(5, 8));
    await rig.until(() => rig.givenUp.length > 0);
    expect(rig.givenUp).toEqual([1]);
    expect(rig.begun).toEqual(["1.1", "1.2", "1.8"]);
    for (const shard of [2, 5]) rig.gates.get(shard)?.resolve();
    await rig.until(() => rig.work.heard.filter((line) => line.startsWith("offer")).length === 2);
    await rig.drained();
  });

  test("keeps a shard for longer than its lease while the coordinator is unreachable", async () => {
    const rig = new Rig(granted(1, 1));
    await rig.until(() => rig.begun.length === 1);
    rig.work.heartbeat = () => Promise.reject(gone);
    await sleep(1_300, NEVER);
    expect(rig.givenUp).toEqual([]);
    rig.gates.get(1)?.resolve();
    await rig.until(() => rig.work.heard.includes("offer 1 by s1"));
    await rig.drained();
  });
});
