import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson, sha256 } from "../../shared/core/digest.ts";
import { type PruneLimits, pruneFolder } from "../../shared/core/prune-folder.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";

/** What a value holds for: plain JSON, equal in every run that may use it. */
export type TuningKey = Readonly<Record<string, unknown>>;

/**
 * What was found by measuring, kept between runs. Losing all of it costs some seconds of measuring, so
 * nothing here ever fails: what cannot be read was never there, and what cannot be written is forgotten.
 */
export interface TuningCache {
  /**
   * What was remembered under this key, from a file that anybody may have written: check it. Undefined when
   * there is nothing.
   */
  recall(key: TuningKey): Promise<unknown>;
  remember(key: TuningKey, value: unknown): Promise<void>;
}

/**
 * A week: what was measured beside a busy neighbour is not believed for longer, and measuring again is cheap.
 */
const MOST_AGE_MS = 7 * 24 * 3_600_000;

/**
 * A few entries a model: more models than anybody works with in a week. All of them together are some
 * megabytes.
 */
const MOST_ENTRIES = 500;

/** No entry of ours is near this. */
const MOST_BYTES = 256 << 10;

const KEPT: PruneLimits = {
  name: /^[0-9a-f]{32}\.json$/,
  leftBehind: /^[0-9a-f]{32}\.json\.[0-9a-f-]+\.new$/,
  mostEntries: MOST_ENTRIES,
  mostAgeMs: MOST_AGE_MS,
};

/**
 * The cache of this user: `tuning` in the cache folder, a file a key. With `SHARDMILL_TUNING=off` nothing is
 * recalled or kept.
 */
export function openTuningCache(env: NodeJS.ProcessEnv = process.env): TuningCache {
  if (env.SHARDMILL_TUNING === "off") return NO_TUNING_CACHE;
  return new TuningFolder(cacheFolder("tuning", env), Date.now);
}

export const NO_TUNING_CACHE: TuningCache = { recall: async () => undefined, remember: async () => {} };

export class TuningFolder implements TuningCache {
  readonly #path: string;
  readonly #nowMs: () => number;

  /** @param nowMs wall-clock time, as files have it */
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
      // Two keys of one name are as unlikely as a file that somebody put there is likely.
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
      await pruneFolder(this.#path, KEPT, this.#nowMs());
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
