import { firingAt } from "../../extensions/serve/spec/firing.ts";
import type { TimedTrigger } from "../../extensions/serve/spec/trigger-spec.ts";
import type { RunOutcome } from "../../extensions/serve/trigger/run-outcome.ts";
import { TimedRuns } from "../../extensions/serve/trigger/timed-runs.ts";
import { TriggerLedger } from "../../extensions/serve/trigger/trigger-ledger.ts";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { aJobId } from "./ids.ts";
import { type Fate, Lives, type ProcessWorld } from "./process-worlds.ts";

const FOLDER = "/job/_trigger";
const EVERY_MS = 360_000;
const TRIGGER: TimedTrigger = {
  kind: "timed",
  schedule: { kind: "every", everyMs: EVERY_MS },
  timeZone: "UTC",
  catchUp: "none",
  overlap: "queue",
  retries: 2,
};
/** An exit takes a second, so no instant is missed. */
const INSTANTS = 2;
const LOOK_MS = 5_000;

interface WorldOptions {
  readonly seed: number;
  readonly fates: readonly Fate[];
  readonly lie?: (disk: Disk) => Disk;
}

/** A schedule that several processes serve one after another, on one disk and with lasting outputs. */
export class TriggerWorld {
  readonly lives: Lives;
  readonly #published = new Set<number>();
  readonly #failures = new Map<number, number>();
  /** Instants that the last process knows to wait. */
  #waiting: readonly number[] = [];

  constructor(options: WorldOptions) {
    this.lives = new Lives({ ...options, live: (life) => this.#live(life), onEnd: () => {} });
  }

  async play(): Promise<readonly string[]> {
    const { lives } = this;
    lives.begin();
    const { wallMs } = lives.scheduler.clockOf(lives.scheduler.start("observer"));
    const first = Math.ceil((wallMs() + LOOK_MS) / EVERY_MS) * EVERY_MS;
    await lives.until(() => false, first - wallMs() + INSTANTS * EVERY_MS);
    lives.end(true);
    await lives.until(() => false, 0.9 * EVERY_MS);
    for (let at = first; at < first + INSTANTS * EVERY_MS; at += EVERY_MS)
      if (!this.#published.has(at)) lives.broken.push(`the run of ${firingAt(at).id} is lost`);
    if (this.#waiting.length > 0) lives.broken.push(`instants still wait: ${this.#waiting}`);
    const node = lives.image.lookUp(FOLDER);
    const names = node?.kind === "folder" ? [...node.names.keys()].sort().join() : "";
    if (names !== "ledger.json,lock.beat,lock.json") lives.broken.push(`the folder has ${names}`);
    return lives.broken;
  }

  async #live(life: ProcessWorld): Promise<void> {
    const { clock } = life;
    const { signal } = new AbortController();
    const ledger = await TriggerLedger.open({
      folder: FOLDER,
      seams: life,
      clock,
      log: silentLogger,
      signal,
    });
    const runs = new TimedRuns({
      ledger,
      run: (atMs) => this.#run(life, atMs),
      wallMs: () => clock.wallMs(),
      onEnded: () => {},
      onNoted: () => {},
    });
    for (;;) {
      // A decision that cannot be stored is made again at the next step.
      await runs.step(TRIGGER).catch(() => {});
      this.#waiting = ledger.state?.waiting ?? [];
      await sleepBy(clock, LOOK_MS, NEVER);
    }
  }

  /** Runs once, and publishes once. Each run fails at first, and may fail once more by a fault. */
  async #run(life: ProcessWorld, atMs: number): Promise<RunOutcome> {
    const ended = { jobId: aJobId(firingAt(atMs).id), failure: null };
    const failures = this.#failures.get(atMs) ?? 0;
    // The first run takes so long that its instant is no longer on time. A forgotten instant is now lost.
    const runMs = failures === 0 ? 70_000 : 5_000;
    await sleepBy(life.clock, runMs * (1 + 0.1 * life.random.unit()), NEVER);
    if (failures === 0) {
      await life.act("fail", () => this.#failures.set(atMs, 1));
      return { ...ended, outcome: "failed" };
    }
    await life.act("publish", () => this.#published.add(atMs));
    return { ...ended, outcome: "published" };
  }
}
