import type { LockSeams } from "../../coordinator/journal/lock.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { DiskImage } from "../../sim/disk-image.ts";
import { type DiskCall, type DiskFault, runOperation } from "../../sim/disk-operation.ts";
import { rootedDisk } from "../../sim/rooted-disk.ts";
import { Scheduler, type SimProcess } from "../../sim/scheduler.ts";
import { SeededRandom } from "../../sim/seeded-random.ts";
import { SimDisk } from "../../sim/sim-disk.ts";

/**
 * Fault of a process at its n-th operation: the process exits, or the operation fails and the process
 * continues.
 */
export interface Fate {
  readonly at: number;
  readonly how: "before" | "torn" | "after" | "error";
  /** The power fails, too: data without a sync is lost, or half of it. */
  readonly power: boolean;
}

/** World as one process sees it. */
export interface ProcessWorld extends LockSeams {
  readonly process: SimProcess;
  readonly clock: TimedClock;
  readonly random: SeededRandom;
  /**
   * Does a permanent act outside the disk. Another point at which the process may exit: before, during, and
   * after.
   */
  act(name: string, all: () => void, half?: () => void): Promise<void>;
}

interface LivesOptions {
  readonly seed: number;
  /** Faults, one for each process in order. Later processes have none. */
  readonly fates: readonly Fate[];
  /** Runs a process from its start. An error is noted, and the next process starts later. */
  readonly live: (life: ProcessWorld) => Promise<void>;
  /** Called after the exit of a process, to drop what it held elsewhere. */
  readonly onEnd: () => void;
  /** Wraps the disk so that it skips some orders, to prove that tests detect this. */
  readonly lie?: (disk: Disk) => Disk;
}

const RESTART_MS = 1_000;
const NEVER: DiskFault = { kind: "none" };

/** Processes that run one after another, on one disk. Each starts with the files of the previous one. */
export class Lives {
  readonly image = new DiskImage();
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  /** Operations of each process at which it could have exited. */
  readonly calls: DiskCall["call"][][] = [];
  readonly broken: string[] = [];
  fired = 0;
  readonly #options: LivesOptions;
  readonly #fates: Fate[];
  #process: SimProcess | null = null;
  /** Stream that decides the effects of power cuts. Separate, so that they differ between faults. */
  readonly #power: SeededRandom;

  constructor(options: LivesOptions) {
    this.#options = options;
    this.#fates = [...options.fates];
    this.random = new SeededRandom(options.seed);
    this.#power = new SeededRandom(
      options.fates.reduce((so, { at, how }) => Math.imul(31, so) + at + how.length, options.seed),
    );
    this.scheduler = new Scheduler(this.random.fork(), false);
  }

  /** Ends the process at its current point. */
  end(power: boolean): void {
    if (this.#process !== null) this.#die(this.#process, power);
  }

  begin(): void {
    const { scheduler, random } = this;
    const process = scheduler.start("serve");
    this.#process = process;
    const calls: DiskCall["call"][] = [];
    this.calls.push(calls);
    const fate = this.#fates.shift();
    const operations = {
      scheduler,
      process,
      random: random.fork(),
      faultOf: ({ call, path }: DiskCall) => this.#faultOf(call, path, calls, fate),
      die: (_process: SimProcess, _why: string, power: boolean) => this.#die(process, power),
      onDone: () => {},
    };
    const disk = new SimDisk({ ...operations, image: this.image, lacksHardLinks: false });
    const life: ProcessWorld = {
      process,
      disk: this.#options.lie?.(disk) ?? disk,
      clock: scheduler.clockOf(process),
      random: random.fork(),
      processes: {
        own: () => ({ host: "here", bootId: null, pidNamespace: "own", pid: process.pid, startTicks: null }),
        processState: ({ pid }) => (pid === this.#process?.pid ? "running" : "exited"),
      },
      act: (name, all, half) => runOperation(operations, { call: "write", path: name }, all, half),
    };
    this.#options.live(life).catch((error: unknown) => {
      if (fate?.how !== "error") this.broken.push(`a process ended: ${messageOf(error)}`);
      this.#die(process, false);
    });
  }

  /**
   * Advances time until a condition holds, or something is broken.
   *
   * @returns true when the condition held before the limit
   */
  async until(isSo: () => boolean, limitMs: number): Promise<boolean> {
    let isOver = false;
    const callOff = this.scheduler.after(limitMs, null, () => {
      isOver = true;
    });
    await this.scheduler.run(
      () => isOver || this.broken.length > 0 || isSo(),
      () => {},
    );
    callOff();
    return isSo();
  }

  #faultOf(
    call: DiskCall["call"],
    path: string,
    calls: DiskCall["call"][],
    fate: Fate | undefined,
  ): DiskFault {
    // Reads are no points, and beats come at other times.
    if (call === "read" || call === "close" || path.endsWith("beat")) return NEVER;
    calls.push(call);
    if (calls.length !== fate?.at) return NEVER;
    this.fired += 1;
    const { how, power } = fate;
    return how === "error" ? { kind: "error", code: "EIO" } : { kind: "die", when: how, power };
  }

  #die(process: SimProcess, power: boolean): void {
    if (process.state === "exited") return;
    this.scheduler.kill(process, "by its planned fault");
    if (power) this.image.cutPower(this.#power);
    this.#options.onEnd();
    this.scheduler.after(RESTART_MS, null, () => this.begin());
  }
}

/** A world whose processes exit, from its beginning to its end. */
interface DyingWorld {
  readonly lives: Lives;
  /** @returns the problems */
  play(): Promise<readonly string[]>;
}

interface Played {
  /** Number of faults that happened. */
  readonly fired: number;
  /** Problems, with the faults that caused each. */
  readonly broken: readonly string[];
}

/**
 * Plays a world repeatedly. Its first process exits at its first operation in each way, then at its second,
 * and so on.
 */
export async function endEverywhere(make: (fates: readonly Fate[]) => DyingWorld): Promise<Played> {
  const whole = make([]);
  const broken = [...(await whole.play())];
  const calls = whole.lives.calls[0] ?? [];
  const fates = fatesOf(calls).flatMap((fate) =>
    calls[fate.at - 1] === "names" ? [[fate], ...alsoLater(fate)] : [[fate]],
  );
  const played = await playAll(fates, make);
  return { ...played, broken: [...broken, ...played.broken] };
}

/** Returns faults in which a later power cut removes a name that the first process wrote before its exit. */
function alsoLater(fate: Fate): Fate[][] {
  if (fate.how !== "after" || fate.power) return [];
  return LATER.map((at) => [fate, { at, how: "after", power: true }]);
}

/** Operations of a second process: while it starts, and while it works. */
const LATER = Array.from({ length: 24 }, (_, at) => 4 + at);

/** Plays a world with up to six processes that exit at random operations. */
export async function endOften(
  seeds: number,
  make: (fates: readonly Fate[], seed: number) => DyingWorld,
): Promise<Played> {
  const all = Array.from({ length: seeds }, (_, seed) => {
    const random = new SeededRandom(seed);
    const most = random.pick([10, 30, 100]);
    return Array.from({ length: random.int(2, 6) }, (): Fate => {
      const how = random.pick(["before", "torn", "after"] as const);
      return { at: random.int(1, most), how, power: random.chance(0.7) };
    });
  });
  return await playAll(all, make);
}

/** Number of problems after which playing stops, because the first ones suffice. */
const ENOUGH = 5;

async function playAll(
  all: readonly (readonly Fate[])[],
  make: (fates: readonly Fate[], seed: number) => DyingWorld,
): Promise<Played> {
  const broken: string[] = [];
  let fired = 0;
  for (const [seed, fates] of all.entries()) {
    const world = make(fates, seed);
    for (const what of await world.play()) broken.push(`${JSON.stringify(fates)}: ${what}`);
    fired += world.lives.fired;
    if (broken.length >= ENOUGH) break;
  }
  return { fired, broken };
}

function fatesOf(calls: readonly DiskCall["call"][]): Fate[] {
  return calls.flatMap((call, index) => {
    const at = index + 1;
    const ways = call === "write" ? (["before", "torn", "after"] as const) : (["before", "after"] as const);
    const deaths = ways.flatMap((how) => [false, true].map((power): Fate => ({ at, how, power })));
    return [...deaths, { at, how: "error", power: false } satisfies Fate];
  });
}

/** Returns a disk that claims to sync folders, or files, and does not. */
export function withoutSync(disk: Disk, of: "folders" | "files"): Disk {
  return {
    ...rootedDisk(disk, ""),
    async open(path, flags) {
      const file = await disk.open(path, flags);
      const skips = (flags === "r") === (of === "folders");
      return {
        readInto: (bytes, at) => file.readInto(bytes, at),
        write: (bytes) => file.write(bytes),
        datasync: () => (skips ? Promise.resolve() : file.datasync()),
        sync: () => (skips ? Promise.resolve() : file.sync()),
        close: () => file.close(),
      };
    },
  };
}
