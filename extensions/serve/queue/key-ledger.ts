import type { WindowId } from "./window-id.ts";

interface KnownWindow {
  readonly id: WindowId;
  /** Time when its messages were acknowledged. Null: not yet. */
  atMs: number | null;
  readonly keys: readonly string[];
  readonly failedKeys: ReadonlyMap<string, string>;
}

/**
 * Limit of remembered keys. A key takes about 100 bytes, so one served job takes at most half a GB. Above
 * this, the oldest keys are forgotten early.
 */
const MOST_KEYS = 5_000_000;

/** Keys of published messages, which identify repeated deliveries for a while. */
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

  /** Adds a published window. No key of the window is forgotten before its acknowledgement. */
  add(id: WindowId, keys: readonly string[], failedKeys: ReadonlyMap<string, string>): void {
    const window = { id, atMs: null, keys, failedKeys };
    this.#windows.set(id, window);
    for (const key of keys) this.#byKey.set(key, window);
  }

  /**
   * Marks a window as acknowledged.
   *
   * @param atMs by the wall clock, which continues across restarts
   */
  acknowledged(id: WindowId, atMs: number): void {
    const window = this.#windows.get(id);
    if (window !== undefined) window.atMs = atMs;
  }

  /** Returns why a message is a dead letter. `reason` is null if it is none. Null: the key is unknown. */
  find(key: string): { readonly reason: string | null } | null {
    const window = this.#byKey.get(key);
    return window === undefined ? null : { reason: window.failedKeys.get(key) ?? null };
  }

  /**
   * Forgets keys that are too old or too many.
   *
   * @returns the windows whose keys were forgotten, in order of arrival
   */
  forget(wallMs: number): readonly WindowId[] {
    const expired: WindowId[] = [];
    for (const [id, { atMs, keys }] of this.#windows) {
      // The broker may deliver its messages again until it has the acknowledgement.
      if (atMs === null) continue;
      if (atMs + this.#rememberMs > wallMs && this.#byKey.size <= this.#mostKeys) break;
      for (const key of keys) if (this.#byKey.get(key)?.id === id) this.#byKey.delete(key);
      this.#windows.delete(id);
      expired.push(id);
    }
    return expired;
  }
}
