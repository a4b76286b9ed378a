import { describe, expect, it } from "vitest";
import { openSchedule } from "../../../../extensions/serve/spec/schedule.ts";
import type { TimedTrigger } from "../../../../extensions/serve/spec/trigger-spec.ts";
import type { RunOutcome } from "../../../../extensions/serve/trigger/run-outcome.ts";
import { TimedRuns } from "../../../../extensions/serve/trigger/timed-runs.ts";
import type { TriggerState } from "../../../../extensions/serve/trigger/trigger-state.ts";
import { errorToData, ShardmillError } from "../../../../shared/core/errors.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { aJobId } from "../../../support/ids.ts";

/** Limit after which a run is late, as in the core. */
const ON_TIME_MS = 60_000;
/** Limit of steps, above the number of waiting runs at its end. */
const MOST_LOOKS = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-01-01T00:00:00Z");
const END = START + 366 * DAY;

interface Process {
  readonly runs: TimedRuns;
  alive: boolean;
  work: { readonly endMs: number; readonly end: () => void } | null;
}

/** A machine during a year. Its disk and its outputs stay, and its process exits at times. */
class Machine {
  wallMs = START;
  /** State on the disk. */
  ledger: TriggerState | null = null;
  readonly published = new Set<number>();
  /** Time of the first decision to run an instant. */
  readonly decided = new Map<number, number>();
  deaths = 0;
  /** True when its runs take no time. */
  isQuick = false;
  readonly skipped: { atMs: number; untilMs: number; why: string }[] = [];
  atWork = 0;
  mostAtWork = 0;
  /** Share of failing runs. */
  failing = 0;
  /** Number of failures of each instant's run. */
  readonly failed = new Map<number, number>();
  /** Instants that were noted as ended for good, and the number of retries. */
  readonly noted: number[] = [];
  retried = 0;
  /** Number of retries that came too soon. */
  tooSoon = 0;
  readonly #random: SeededRandom;
  #process: Process | null = null;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  start(): void {
    const process: Process = {
      alive: true,
      work: null,
      runs: new TimedRuns({
        ledger: this.#disk(() => process.alive),
        run: (atMs) => this.#run(atMs, process),
        wallMs: () => this.wallMs,
        onEnded: () => {},
        onNoted: ({ atMs }, isBegunAgain) => {
          if (isBegunAgain) this.retried += 1;
          else this.noted.push(atMs);
        },
      }),
    };
    this.#process = process;
  }

  die(): void {
    if (this.#process === null) return;
    this.#process.alive = false;
    if (this.#process.work !== null) this.atWork -= 1;
    this.#process = null;
    this.deaths += 1;
  }

  get isThere(): boolean {
    return this.#process !== null;
  }

  /**
   * Decides which runs are due, after ended runs are noted.
   *
   * @param dieAt 0: exits before the state is stored. 1: exits after it
   */
  async step(trigger: TimedTrigger, dieAt: 0 | 1 | null): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    if (process.work !== null && process.work.endMs <= this.wallMs) process.work.end();
    await acknowledge();
    this.#dieAt = dieAt;
    await process.runs.step(trigger).catch((error: unknown) => {
      if (!(error instanceof Died)) throw error;
    });
    this.#dieAt = null;
    await acknowledge();
  }

  #dieAt: 0 | 1 | null = null;

  #disk(isAlive: () => boolean) {
    const machine = this;
    return {
      get state() {
        return machine.ledger;
      },
      async save(state: TriggerState) {
        if (!isAlive()) throw new Died();
        if (machine.#dieAt === 0) machine.#kill();
        const known = new Set(machine.ledger?.past);
        for (const one of state.past)
          if (one.kind === "skipped" && !known.has(one)) machine.skipped.push(one);
        for (const atMs of state.waiting)
          if (!machine.decided.has(atMs)) machine.decided.set(atMs, machine.wallMs);
        machine.ledger = JSON.parse(JSON.stringify(state)) as TriggerState;
        if (machine.#dieAt === 1) machine.#kill();
      },
    };
  }

  #kill(): never {
    this.die();
    throw new Died();
  }

  /** Runs an instant. An already published run is found in its folder. */
  async #run(atMs: number, process: Process): Promise<RunOutcome | null> {
    if (this.published.has(atMs)) return { outcome: "published", jobId: aJobId("found"), failure: null };
    const { retry } = this.ledger ?? {};
    const leftMs = retry?.atMs === atMs ? retry.notBeforeMs - this.wallMs : 0;
    // Longer than any wait: the clock was set back.
    if (leftMs > 0 && leftMs <= HOUR) this.tooSoon += 1;
    this.atWork += 1;
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
    const endMs = this.wallMs + (this.isQuick ? 1 : this.#random.int(1, 3 * HOUR));
    await new Promise<void>((resolve) => {
      process.work = { endMs, end: resolve };
    });
    process.work = null;
    if (!process.alive) return null;
    this.atWork -= 1;
    if (!this.isQuick && this.#random.chance(this.failing)) {
      this.failed.set(atMs, (this.failed.get(atMs) ?? 0) + 1);
      return {
        outcome: "failed",
        jobId: aJobId("ran"),
        failure: errorToData(new ShardmillError("MODEL_FAILED", "failed by chance")),
      };
    }
    this.published.add(atMs);
    // An exit between publishing and noting.
    if (this.#random.chance(0.05)) {
      this.die();
      return null;
    }
    return { outcome: "published", jobId: aJobId("ran"), failure: null };
  }
}

class Died extends Error {}

async function acknowledge(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

const BERLIN = { kind: "cron", cron: "30 2 * * *", timeZone: "Europe/Berlin" } as const;
const LORD_HOWE = { kind: "cron", cron: "15 2,14 * * *", timeZone: "Australia/Lord_Howe" } as const;
const NEW_YORK = { kind: "cron", cron: "0 6 * * 1-5", timeZone: "America/New_York" } as const;
const EVEN = { kind: "every", everyMs: 2 * HOUR } as const;
const SELDOM = { kind: "every", everyMs: 6 * HOUR } as const;

const YEARS: readonly (Pick<TimedTrigger, "schedule" | "catchUp" | "overlap"> & { retries?: number })[] = [
  { schedule: BERLIN, catchUp: "none", overlap: "skip" },
  { schedule: BERLIN, catchUp: "last", overlap: "queue" },
  { schedule: BERLIN, catchUp: "all", overlap: "queue" },
  { schedule: LORD_HOWE, catchUp: "last", overlap: "skip" },
  { schedule: LORD_HOWE, catchUp: "all", overlap: "skip" },
  { schedule: NEW_YORK, catchUp: "none", overlap: "queue" },
  { schedule: EVEN, catchUp: "none", overlap: "skip" },
  { schedule: EVEN, catchUp: "last", overlap: "skip" },
  { schedule: SELDOM, catchUp: "all", overlap: "queue" },
  { schedule: SELDOM, catchUp: "all", overlap: "queue", retries: 1 },
  { schedule: EVEN, catchUp: "last", overlap: "skip", retries: 3 },
];

/** Simulates a year of a machine that exits, is suspended, and has its clock changed. */
async function year(trigger: TimedTrigger, seed: number): Promise<Machine> {
  const random = new SeededRandom(seed);
  const machine = new Machine(random);
  machine.failing = trigger.retries === 0 ? 0 : 0.3;
  machine.start();
  await machine.step(trigger, null);
  let awayUntil = 0;
  const instants = openSchedule(trigger.schedule);
  while (machine.wallMs < END) {
    // Mostly the next due time. Sometimes the machine was suspended, or its clock was changed.
    const leap = random.chance(0.003)
      ? random.int(-30 * MINUTE, 6 * HOUR)
      : random.int(20 * MINUTE, 3 * HOUR);
    const soon = (instants.next(machine.wallMs) ?? END) + random.int(0, 2_000);
    machine.wallMs =
      leap > 3 * HOUR || leap < 0 ? machine.wallMs + leap : Math.min(machine.wallMs + leap, soon);
    if (!machine.isThere) {
      if (awayUntil === 0)
        awayUntil = machine.wallMs + random.int(0, random.chance(0.2) ? 6 * DAY : 2 * HOUR);
      if (machine.wallMs < awayUntil) continue;
      awayUntil = 0;
      machine.start();
    }
    const dieAt = random.chance(0.01) ? random.pick([0, 1] as const) : null;
    await machine.step(trigger, dieAt);
    if (random.chance(0.005)) machine.die();
  }
  // The machine stays up until all work is done.
  machine.isQuick = true;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    if (!machine.isThere) machine.start();
    await machine.step(trigger, null);
    machine.wallMs += 10 * MINUTE;
    if (machine.ledger?.waiting.length === 0 && looks > 2) break;
  }
  return machine;
}

function instantsOf({ schedule }: TimedTrigger, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  const instants = openSchedule(schedule);
  for (let at = instants.next(fromMs); at !== null && at <= toMs; at = instants.next(at)) found.push(at);
  return found;
}

describe("a year of a schedule", () => {
  it.each(YEARS.map((one, seed) => ({ ...one, seed })))(
    "each instant runs once or is skipped with a reason: $schedule, $catchUp, $overlap, $retries",
    async ({ seed, retries = 0, ...one }) => {
      const { catchUp, overlap } = one;
      const trigger: TimedTrigger = { kind: "timed", timeZone: "UTC", retries, ...one };
      const machine = await year(trigger, seed);
      const { published, skipped, decided, ledger } = machine;
      const instants = instantsOf(trigger, START, ledger?.decidedMs ?? 0);

      // The faults did happen.
      expect(machine.deaths).toBeGreaterThan(10);
      expect(published.size).toBeGreaterThan(50);

      // Each instant ran, or was skipped for a reason. None is in both, and no other instant ran.
      const isLeftOut = (atMs: number) =>
        skipped.some((range) => range.atMs <= atMs && atMs <= range.untilMs);
      const isGivenUp = (atMs: number) => (machine.failed.get(atMs) ?? 0) > retries;
      const lost = instants.filter((atMs) => !published.has(atMs) && !isLeftOut(atMs));
      expect(lost.filter((atMs) => !isGivenUp(atMs))).toEqual([]);
      expect(lost.length > 0).toBe(retries > 0);
      expect([...machine.failed.keys()].some((atMs) => published.has(atMs))).toBe(retries > 0);
      expect(machine.tooSoon).toBe(0);
      expect(machine.noted.length).toBe(new Set(machine.noted).size);
      expect(machine.retried > 0).toBe(retries > 0);
      expect(instants.filter((atMs) => published.has(atMs) && isLeftOut(atMs))).toEqual([]);
      expect([...published].filter((atMs) => !instants.includes(atMs))).toEqual([]);

      // Never two runs at once, and none before it is due.
      expect(machine.mostAtWork).toBe(1);
      expect(ledger?.waiting).toEqual([]);

      const late = [...decided].filter(([atMs, wallMs]) => wallMs - atMs > ON_TIME_MS);
      const missed = skipped.filter(({ why }) => why === "missed");
      if (catchUp === "all") expect(missed).toEqual([]);
      if (catchUp === "all" && overlap === "queue") expect(skipped).toEqual([]);
      if (catchUp === "none") expect(late).toEqual([]);
      if (catchUp === "last") {
        expect(late.length).toBeGreaterThan(0);
        expect(new Set(late.map(([, wallMs]) => wallMs)).size).toBe(late.length);
      }
      if (catchUp !== "all") expect(missed.length).toBeGreaterThan(0);
    },
  );
});
