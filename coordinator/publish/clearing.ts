import { NEVER } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Processes } from "../../shared/core/process-identity.ts";
import type { Random } from "../../shared/core/random.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";
import type { LockContent } from "../journal/lock-file.ts";
import { CLEARING_NAME } from "./output-folder.ts";

/** Interval between two beats of a clearing: the same as the interval of a journal's holder. */
const BEAT_MS = 5_000;

/** Dependencies of a clearing in a bucket. */
export interface ClearingSeams {
  readonly storage: Storage;
  readonly random: Random;
  readonly clock: TimedClock;
  readonly processes: Processes;
}

/** Mark of an output that is being cleared. */
export type ClearingMark = Pick<Clearing, "lost" | "confirm" | "has" | "end"> & AsyncDisposable;

/** Content of the marker of a clearing in a bucket. */
interface ClearingContent extends LockContent {
  /** Run whose coordinator was silent for the whole wait. Null: none. */
  readonly run: string | null;
}

/**
 * Reads the mark of a clearing in a bucket: its marker, then its beat. The text changes while the clearing's
 * coordinator is running. Null: there is no clearing.
 */
export async function readClearing(work: Location, storage: Storage): Promise<string | null> {
  const marker = await readTextIfThere(storage, below(work, CLEARING_NAME), NEVER);
  if (marker === null) return null;
  const nonce = parseClearing(marker)?.nonce;
  const beat = nonce === undefined ? null : await readTextIfThere(storage, beatOf(work, nonce), NEVER);
  return `${marker}${beat ?? ""}`;
}

/** Returns the run that a clearing replaces. Null: none, or the marker cannot be read. */
export async function clearedRun(work: Location, storage: Storage): Promise<string | null> {
  const marker = await readTextIfThere(storage, below(work, CLEARING_NAME), NEVER);
  return marker === null ? null : (parseClearing(marker)?.run ?? null);
}

/** Removes the marker and the beat of a clearing whose coordinator has exited. */
export async function removeClearing(work: Location, storage: Storage): Promise<void> {
  const path = below(work, CLEARING_NAME);
  const marker = await readTextIfThere(storage, path, NEVER);
  const nonce = marker === null ? undefined : parseClearing(marker)?.nonce;
  if (nonce !== undefined) await storage.remove(beatOf(work, nonce), NEVER);
  await storage.remove(path, NEVER);
}

/**
 * Clearing of an output in a bucket, as other coordinators see it. The marker is put once and holds a nonce.
 * An object named after the nonce changes every few seconds: the beat. A successor has another nonce, so a
 * predecessor that wakes up never changes the successor's beat.
 */
export class Clearing implements AsyncDisposable {
  readonly #seams: ClearingSeams;
  readonly #work: Location;
  readonly #content: ClearingContent;
  readonly #lost = new AbortController();
  #beats = 0;
  #beating: Promise<void> = Promise.resolve();
  #callOff: () => void = () => {};
  #isOver = false;

  private constructor(work: Location, { run, ...seams }: ClearingSeams & Pick<ClearingContent, "run">) {
    this.#work = work;
    this.#seams = seams;
    this.#content = { ...seams.processes.own(), nonce: seams.random.hex(8), run };
  }

  /**
   * Puts the marker.
   *
   * @param replaces true to replace the marker of a clearing whose coordinator was silent for the whole wait
   * @throws {OUTPUT_LOCKED} when another coordinator has begun a clearing at the same moment
   */
  static async begin(
    work: Location,
    options: ClearingSeams & { readonly run: string | null; readonly replaces: boolean },
  ): Promise<Clearing> {
    const clearing = new Clearing(work, options);
    await clearing.#putMarker(options.replaces);
    clearing.#beating = clearing.#beat();
    return clearing;
  }

  /** Aborts when another coordinator has resumed or ended the clearing. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws {OUTPUT_LOCKED} when another coordinator has resumed or ended the clearing */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const path = below(this.#work, CLEARING_NAME);
    const found = await readTextIfThere(this.#seams.storage, path, NEVER);
    if (found === this.#marker()) return;
    const error = clearsElsewhere(path);
    this.#lost.abort(error);
    throw error;
  }

  /** Checks whether a name in the work folder is the marker or its beat. */
  has(name: string): boolean {
    return name === CLEARING_NAME || name === beatName(this.#content.nonce);
  }

  /** Removes the beat and the marker. The marker goes last: without it, the beat would stay forever. */
  async end(): Promise<void> {
    await this.#stop();
    await this.#seams.storage.remove(beatOf(this.#work, this.#content.nonce), NEVER);
    await this.confirm();
    await this.#seams.storage.remove(below(this.#work, CLEARING_NAME), NEVER);
  }

  /** Stops the beats. A marker that is still there stays for the next coordinator. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #putMarker(replaces: boolean): Promise<void> {
    const marker = below(this.#work, CLEARING_NAME);
    try {
      await this.#seams.storage.put(marker, sourceOfBytes(this.#marker()), {
        ifAbsent: !replaces,
        signal: NEVER,
      });
    } catch (error) {
      if (!isShardmillError(error, "STORE_EXISTS")) throw error;
      throw clearsElsewhere(marker);
    }
  }

  async #beat(): Promise<void> {
    const { storage, clock } = this.#seams;
    try {
      await this.confirm();
      this.#beats += 1;
      const { nonce } = this.#content;
      await storage.put(beatOf(this.#work, nonce), sourceOfBytes(`${nonce} ${this.#beats}\n`), {
        signal: NEVER,
      });
    } catch {
      // The clearing is lost, and `confirm` has recorded it, or the next removal reports the store's error.
    }
    if (this.#isOver || this.#lost.signal.aborted) return;
    this.#callOff = clock.after(BEAT_MS, () => {
      this.#beating = this.#beat();
    });
  }

  async #stop(): Promise<void> {
    this.#isOver = true;
    this.#callOff();
    await this.#beating;
  }

  #marker(): string {
    return `${JSON.stringify(this.#content)}\n`;
  }
}

function beatName(nonce: string): string {
  return `${CLEARING_NAME}-${nonce}`;
}

function beatOf(work: Location, nonce: string): Location {
  return below(work, beatName(nonce));
}

/** Reads a marker. Null: it is the marker of another version. */
function parseClearing(marker: string): Pick<ClearingContent, "nonce" | "run"> | null {
  try {
    const { nonce, run }: Partial<ClearingContent> = JSON.parse(marker);
    return typeof nonce === "string" && /^[0-9a-f]+$/.test(nonce) ? { nonce, run: run ?? null } : null;
  } catch {
    return null;
  }
}

function clearsElsewhere(path: Location): ShardmillError {
  return new ShardmillError("OUTPUT_LOCKED", "another coordinator clears this output, or has cleared it", {
    fields: { path },
    hint: "let the other coordinator finish the job, or if there is none, run it again",
  });
}
