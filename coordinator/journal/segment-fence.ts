import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { generationsAmong } from "./history.ts";
import { segmentPath } from "./segment-file.ts";

interface FenceOptions {
  readonly folder: string;
  readonly generation: number;
  /** Bytes that begin this generation's segment, and no other one. */
  readonly begun: Uint8Array;
  readonly disk: Disk;
}

/**
 * Proves that a generation is the last one of its journal.
 *
 * Law `one-holder`: a lock that was held once proves nothing. A process may be stopped at any time, for any
 * time, and its clock with it. So no time is measured here. A successor first claims its number, and then
 * reads. So it reads everything that was on disk before its number was claimed.
 */
export class SegmentFence {
  readonly #options: FenceOptions;
  readonly #lost = new AbortController();

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** Aborts with OUTPUT_LOCKED when a later generation was found. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws {OUTPUT_LOCKED} when a later generation was claimed, or this journal was removed */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const why = await this.#whyLost();
    if (why === null) return;
    const { folder, generation } = this.#options;
    const error = new ShardmillError("OUTPUT_LOCKED", `another coordinator has taken this job over: ${why}`, {
      fields: { path: segmentPath(folder, generation), generation },
      hint: "let the other coordinator finish the job, or if there is none, run it again: it resumes",
    });
    this.#lost.abort(error);
    throw error;
  }

  async #whyLost(): Promise<string | null> {
    const { folder, generation, disk } = this.#options;
    // Names are listed instead of looked up: a network file system asks the server each time only for a list.
    const names = await disk.readdir(folder).catch(nullIfMissing);
    if (names === null) return "its journal was removed";
    const later = generationsAmong(names).findLast((other) => other > generation);
    if (later !== undefined) return `generation ${later} was begun after generation ${generation}`;
    return (await this.#isOwn()) ? null : "its journal was removed, and another was begun";
  }

  async #isOwn(): Promise<boolean> {
    const { folder, generation, begun, disk } = this.#options;
    const file = await disk.open(segmentPath(folder, generation), "r").catch(nullIfMissing);
    if (file === null) return false;
    try {
      const found = Buffer.alloc(begun.length);
      const bytes = await file.readInto(found, 0);
      return bytes === begun.length && found.equals(begun);
    } finally {
      await file.close();
    }
  }
}

function nullIfMissing(error: unknown): null {
  // A network file system reports ESTALE for a file that another machine has removed.
  if (["ENOENT", "ENOTDIR", "ESTALE"].includes(errorCode(error) ?? "")) return null;
  throw error;
}
