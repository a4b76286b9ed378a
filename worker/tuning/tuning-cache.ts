import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson, sha256 } from "../../shared/core/digest.ts";
import { type PruneLimits, pruneFolder } from "../../shared/core/prune-folder.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";

/** Scope of a value. Plain JSON, equal in every run that may use the value. */
export type TuningKey = Readonly<Record<string, unknown>>;

/**
 * Measurements kept between runs. Losing them costs some seconds of measuring, so no method fails. Unreadable
 * values count as missing, and failed writes are ignored.
 */
export interface TuningCache {
  /**
   * Returns the value of a key. Undefined: none. Check the value, because any program may have written the
   * file.
   */
  recall(key: TuningKey): Promise<unknown>;
  remember(key: TuningKey, value: unknown): Promise<void>;
}

/** Maximal age: a week. The measurement may have been disturbed, and measuring again is cheap. */
const MOST_AGE_MS = 7 * 24 * 3_600_000;

/**
 * Limit of entries: more than a week's models, with a few entries each. Together they take some megabytes.
 */
const MOST_ENTRIES = 500;

/** Size limit of an entry, far above actual ones. */
const MOST_BYTES = 256 << 10;

const LIMITS: PruneLimits = {
  name: /^[0-9a-f]{32}\.json$/,
  leftBehind: /^[0-9a-f]{32}\.json\.[0-9a-f-]+\.new$/,
  mostEntries: MOST_ENTRIES,
  mostAgeMs: MOST_AGE_MS,
};

/**
 * Opens the user's cache: folder `tuning` in the cache folder, with a file for each key.
 * `SHARDMILL_TUNING=off` disables it.
 */
export function openTuningCache(env: NodeJS.ProcessEnv = process.env): TuningCache {
  if (env.SHARDMILL_TUNING === "off") return NO_TUNING_CACHE;
  return new TuningFolder(cacheFolder("tuning", env), Date.now);
}

export const NO_TUNING_CACHE: TuningCache = { recall: async () => undefined, remember: async () => {} };

export class TuningFolder implements TuningCache {
  readonly #path: string;
  readonly #nowMs: () => number;

  /** @param nowMs wall-clock time, like file times */
  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  async recall(key: TuningKey): Promise<unknown> {
    try {
      const path = this.#pathOf(key);
      const { mtimeMs } = await stat(path);
      if (this.#nowMs() - mtimeMs > MOST_AGE_MS) return undefined;
      const entry: unknown = JSON.parse(await readSmallFile(path));
      // Checks the key, because another program may have written the file.
      return isEntry(entry) && canonicalJson(entry.key) === canonicalJson(key) ? entry.value : undefined;
    } catch {
      return undefined;
    }
  }

  async remember(key: TuningKey, value: unknown): Promise<void> {
    const path = this.#pathOf(key);
    const temporary = `${path}.${randomUUID()}.new`;
    try {
      await mkdir(this.#path, { recursive: true });
      await writeFile(temporary, `${JSON.stringify({ key, value }, null, 2)}\n`, { flag: "wx" });
      await rename(temporary, path);
      await pruneFolder(this.#path, LIMITS, this.#nowMs());
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  #pathOf(key: TuningKey): string {
    return join(this.#path, `${sha256(canonicalJson(key)).slice(0, 32)}.json`);
  }
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(MOST_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MOST_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isEntry(entry: unknown): entry is { readonly key: unknown; readonly value: unknown } {
  return typeof entry === "object" && entry !== null && "key" in entry && "value" in entry;
}
