import type { WindowId } from "./window-id.ts";

interface KnownWindow {
  readonly id: WindowId;
  /** When its messages were settled; null: they are not yet. */
  atMs: number | null;
  readonly keys: readonly string[];
  readonly dead: ReadonlyMap<string, string>;
}

/**
 * Keys that are remembered at a time. Each takes about 100 bytes, so that a serve of one job has half a GB of
 * them at most. More than these, the oldest are forgotten before their time.
 */
const MOST_KEYS = 5_000_000;

/** By which messages that were published are known when they come again, for a while. */
export class KeyLedger {
  readonly #rememberMs: number;
  readonly #mostKeys: number;
  readonly #windows = new Map<WindowId, KnownWindow>();
  readonly #byKey = new Map<string, KnownWindow>();

  constructor(rememberMs: number, mostKeys = MOST_KEYS) {
    this.#rememberMs = rememberMs;
    this.#mostKeys = mostKeys;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** From when a window is published on: until it is settled, its keys are not forgotten. */
  add(id: WindowId, keys: readonly string[], dead: ReadonlyMap<string, string>): void {
    const window = { id, atMs: null, keys, dead };
    this.#windows.set(id, window);
    for (const key of keys) this.#byKey.set(key, window);
  }

  /** @param atMs by the clock on the wall, which a restart does not change */
  settled(id: WindowId, atMs: number): void {
    const window = this.#windows.get(id);
    if (window !== undefined) window.atMs = atMs;
  }

  /** What became of a message: why it is a dead letter, where it is; null for one that is not known. */
  find(key: string): { readonly dead: string | null } | null {
    const window = this.#byKey.get(key);
    return window === undefined ? null : { dead: window.dead.get(key) ?? null };
  }

  /** @returns the windows whose keys are forgotten now, in the order in which they came */
  forget(wallMs: number): readonly WindowId[] {
    const gone: WindowId[] = [];
    for (const [id, { atMs, keys }] of this.#windows) {
      // Its broker may give it again, for as long as it did not take that it is settled.
      if (atMs === null) continue;
      if (atMs + this.#rememberMs > wallMs && this.#byKey.size <= this.#mostKeys) break;
      for (const key of keys) if (this.#byKey.get(key)?.id === id) this.#byKey.delete(key);
      this.#windows.delete(id);
      gone.push(id);
    }
    return gone;
  }
}
