import { NEVER } from "../../../shared/core/abort.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import type { MemoryStorage } from "../../../shared/storage/memory.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import type { VirtualClock } from "../../support/virtual-clock.ts";

/** A seeded generator of numbers in [0, 1). */
export type Draw = () => number;

/**
 * A machine of a world with one clock. While paused, it receives events only after it resumes. Once ended:
 * never.
 */
export class RoughMachine {
  state: "running" | "stopped" | "exited" = "running";
  readonly #world: VirtualClock;
  #waiting: (() => void)[] = [];

  constructor(world: VirtualClock) {
    this.#world = world;
  }

  get clock(): TimedClock {
    const { nowMs, wallMs } = { nowMs: () => this.#world.nowMs(), wallMs: () => this.#world.wallMs() };
    return { nowMs, wallMs, after: (ms, call) => this.#world.after(ms, () => this.reach(call)) };
  }

  reach(call: () => void): void {
    if (this.state === "running") call();
    else if (this.state === "stopped") this.#waiting.push(call);
  }

  goOn(): void {
    if (this.state !== "stopped") return;
    this.state = "running";
    for (const call of this.#waiting.splice(0)) call();
  }
}

/** Frequency of faults between a machine and its store. */
export interface Roughness {
  readonly share: number;
  readonly draw: Draw;
}

const USUAL_MS = 30;
const LATE_MS = 45_000;

/**
 * Returns a store as a machine sees it over a bad connection. Requests may arrive late, twice, or never.
 * Their answers may be lost, or they may happen long after the caller gave up. A request that reached the
 * store happens even if the machine has ended.
 */
export function roughStore(
  store: MemoryStorage,
  {
    machine,
    world,
    rough,
  }: { readonly machine: RoughMachine; readonly world: VirtualClock; readonly rough: Roughness },
): Storage {
  const { draw } = rough;
  const wait = (ms: number) => new Promise<void>((resolve) => void world.after(ms, resolve));
  const ask = <T>(act: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const answer = (call: () => void) => machine.reach(call);
      const fail = () => answer(() => reject(new ShardmillError("STORE_FAILED", "the line broke")));
      const done = () =>
        act().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      const run = async () => {
        await wait(USUAL_MS * draw());
        if (draw() >= rough.share) return await wait(USUAL_MS * draw()).then(done);
        const kind = Math.floor(draw() * 5);
        if (kind === 0) return fail();
        if (kind === 1) return await act().then(fail, fail);
        if (kind === 2) return await wait(LATE_MS * draw()).then(done);
        if (kind === 3) {
          fail();
          return void (await wait(LATE_MS * draw())
            .then(act)
            .catch(() => {}));
        }
        await done();
        await wait(LATE_MS * draw());
        await act().catch(() => {});
      };
      void run();
    });
  return {
    can: store.can,
    kindAt: (location) => ask(() => store.kindAt(location, NEVER)),
    stat: (location) => ask(() => store.stat(location, NEVER)),
    real: (location) => ask(() => store.real(location, NEVER)),
    async *list(folder) {
      yield* await ask(() => pagesOf(store, folder));
    },
    read: (location, start, end, { version }) =>
      ask(() => store.read(location, start, end, { version, signal: NEVER })),
    put: (location, source, options) => ask(() => store.put(location, source, options)),
    rename: () => store.rename(),
    link: () => store.link(),
    copy: (from, to) => ask(() => store.copy(from, to, NEVER)),
    sync: async () => {},
    remove: (location) => ask(() => store.remove(location, NEVER)),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function pagesOf(store: MemoryStorage, folder: Parameters<MemoryStorage["list"]>[0]) {
  const pages = [];
  for await (const page of store.list(folder, { signal: NEVER })) pages.push(page);
  return pages;
}
