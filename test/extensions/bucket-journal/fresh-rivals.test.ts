import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Meters } from "../../../coordinator/insight/meters.ts";
import { type JobSeams, realSeams } from "../../../coordinator/job/job-seams.ts";
import { openJob } from "../../../coordinator/job/open-job.ts";
import type { OpenedJob } from "../../../coordinator/job/opened-job.ts";
import { RunRecorder } from "../../../coordinator/job/run-recorder.ts";
import { readRunFile } from "../../../coordinator/journal/run-file.ts";
import { DEFAULT_SCHEDULE } from "../../../coordinator/schedule/state/config.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { systemClock, type TimedClock } from "../../../shared/core/clock.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { silentLogger } from "../../../shared/core/log.ts";
import { systemProcesses } from "../../../shared/core/process-identity.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { SeededRandom } from "../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../sim/sim-plan.ts";

/** Two coordinators on two machines that wait through the same silence. One of them starts over. */

const OUT = parseLocation("s3://bucket/out");
const WORK = below(OUT, "_shardmill");
const RUN_FILE = below(WORK, "journal.json");
/** Factor of the clock. A coordinator that meets a running one waits for its next beat. */
const HASTE = 40;

const clock: TimedClock = {
  nowMs: () => systemClock.nowMs() * HASTE,
  wallMs: () => systemClock.wallMs() * HASTE,
  after: (ms, call) => systemClock.after(ms / HASTE, call),
};

interface Rival {
  readonly name: string;
  readonly fresh: boolean;
  /** Number of the call before which it pauses, while the other continues. */
  readonly stopsAt: number;
}

interface Ended {
  /** Run of the opened job. Null: it was not opened. */
  readonly run: string | null;
  readonly opened: OpenedJob | null;
  readonly code: string | null;
}

/** A bucket with a job of an exited coordinator, which two others open. */
class RivalWorld {
  readonly #folder: string;
  readonly #caller = new AsyncLocalStorage<{ readonly stopsAt: number; calls: number }>();
  readonly #storage = new MemoryStorage({
    before: async () => {
      const caller = this.#caller.getStore();
      if (caller === undefined) return;
      caller.calls += 1;
      if (caller.calls === caller.stopsAt) await this.#stop();
    },
  });
  #stop: () => Promise<void> = async () => {};

  constructor(folder: string) {
    this.#folder = folder;
  }

  async leaveDead(): Promise<void> {
    const opened = await this.#open("exited", false);
    if (opened.kind === "active") await opened.job.release();
    const run = await readRunFile(RUN_FILE, this.#storage, NEVER);
    const holder = { ...systemProcesses.own(), startTicks: "1", nonce: "00", beats: 7 };
    const beat = below(WORK, run ?? "", "holder.json");
    await this.#storage.put(beat, sourceOfBytes(`${JSON.stringify(holder)}\n`), { signal: NEVER });
  }

  /** Runs the second while the first pauses. The first then resumes while the second still runs. */
  async run(first: Rival, second: Rival): Promise<readonly [Ended, Ended]> {
    let other: Promise<Ended> | null = null;
    let goOn = () => {};
    const isOver = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    this.#stop = () => {
      const hasStopped = new Promise<void>((resolve) => {
        this.#stop = () => {
          resolve();
          return isOver;
        };
      });
      other = this.#end(second);
      return Promise.race([other.then(() => {}), hasStopped]);
    };
    const one = await this.#end(first);
    goOn();
    return [one, await (other ?? this.#end(second))];
  }

  /** Returns the run of the job if its journal has begun. */
  async runThere(): Promise<string | null> {
    const run = await readRunFile(RUN_FILE, this.#storage, NEVER);
    const first = below(WORK, run ?? "none", "journal", "000000000001");
    return (await this.#storage.kindAt(first, NEVER)) === "file" ? run : null;
  }

  #end({ name, fresh, stopsAt }: Rival): Promise<Ended> {
    return this.#caller.run({ stopsAt, calls: 0 }, async () => {
      try {
        const opened = await this.#open(name, fresh);
        return { opened, run: await readRunFile(RUN_FILE, this.#storage, NEVER), code: null };
      } catch (error) {
        if (!isShardmillError(error)) throw error;
        return { opened: null, run: null, code: error.code };
      }
    });
  }

  #open(name: string, fresh: boolean): Promise<OpenedJob> {
    const made = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
    const work = { path: join(this.#folder, name), journal: "bucket" } as const;
    const spec = { ...made.spec, output: { ...made.spec.output, path: OUT }, work };
    const planned = { ...made.planned, spec };
    const seams: JobSeams = {
      ...realSeams,
      openStorage: async () => this.#storage,
      plan: async () => planned,
      identify: async () => planned,
    };
    return openJob(spec, {
      fresh,
      clock,
      log: silentLogger,
      schedule: DEFAULT_SCHEDULE,
      seams,
      reportOf: () => null,
      storesBefore: [],
      beganMs: 0,
      recorder: new RunRecorder(clock, new Meters()),
      onWake: () => {},
      runTasks: async () => null,
      signal: NEVER,
    });
  }
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-rivals-"));
});
// A replaced coordinator may still write its last beat.
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
/** More than the number of calls that open such a job. */
const CALLS = 70;
const WORLDS = 16;

test.each([
  { one: "starts over", other: "also starts over", fresh: [true, true] },
  { one: "starts over", other: "resumes the job", fresh: [true, false] },
  { one: "resumes the job", other: "starts over", fresh: [false, true] },
] as const)(
  "a coordinator that opened a job keeps its run when one $one and the other $other",
  async ({ fresh }) => {
    const random = new SeededRandom(7);
    const ends = new Set<string>();
    for (let at = 0; at < WORLDS; at += 1) {
      const stops = [random.int(1, CALLS), random.int(1, CALLS)] as const;
      const world = new RivalWorld(join(folder, String(at)));
      await world.leaveDead();
      const [first, second] = await world.run(
        { name: "first", fresh: fresh[0], stopsAt: stops[0] },
        { name: "second", fresh: fresh[1], stopsAt: stops[1] },
      );
      const opened = [first, second].filter((end) => end.opened !== null);
      const what = `stopped at ${stops}: ${first.code}, ${second.code}`;
      // When two have resumed the same run, the number of the journal's next object decides.
      for (const { run } of opened) expect(await world.runThere(), what).toBe(run);
      for (const { code } of [first, second]) expect([null, "OUTPUT_LOCKED"], what).toContain(code);
      ends.add(first.opened !== null ? "first" : second.opened !== null ? "second" : "none");
      for (const { opened: job } of opened) if (job?.kind === "active") await job.job.release();
    }
    expect([...ends]).toEqual(expect.arrayContaining(["first", "second"]));
  },
  300_000,
);
