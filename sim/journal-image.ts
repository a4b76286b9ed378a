import { join } from "node:path";
import { decodeFrames, HEADER_BYTES } from "../coordinator/journal/framing.ts";
import { segmentGeneration, segmentPath } from "../coordinator/journal/segment-file.ts";
import type { JournalRecord } from "../coordinator/schedule/state/record.ts";
import { assert } from "../shared/core/assert.ts";
import type { DiskImage } from "./disk-image.ts";

/** A job's journal as it is in the image, whoever writes it. */
export interface JournalImage {
  /** The folder that its snapshots are in. */
  readonly snapshots: string;
  isThere(): boolean;
  /** As a reader would see them now, in order. */
  records(): JournalRecord[];
  /** Whether a text stands where no power cut and no successor can take it. */
  hasSafely(text: string): boolean;
  /** Whether a generation's beginning does. */
  hasBegun(generation: number): boolean;
  /**
   * What an object is that was just put: a generation's first; one behind that; or such a one that is
   * `stray`, for its run is not the job's any more, or is being removed.
   */
  roleOf(run: string, number: string): "start" | "next" | "stray";
}

/** In segments, on the disk that all coordinators of the world work on. */
export class SegmentsImage implements JournalImage {
  readonly #image: DiskImage;
  readonly #folder: string;

  constructor(image: DiskImage, folder: string) {
    this.#image = image;
    this.#folder = folder;
  }

  get snapshots(): string {
    return this.#folder;
  }

  isThere(): boolean {
    return this.#image.lookUp(this.#folder) !== null;
  }

  records(): JournalRecord[] {
    const found = this.#image.lookUp(this.#folder);
    if (found?.kind !== "folder") return [];
    const generations = [...found.names.keys()].flatMap((name) => segmentGeneration(name) ?? []);
    return inHistory(generations, (path) => this.#image.file(path, "open").bytes, this.#folder).flatMap(
      (bytes) => decodeFrames(bytes).records,
    );
  }

  hasSafely(text: string): boolean {
    const generations = this.#image.safeNames(this.#folder).flatMap((name) => segmentGeneration(name) ?? []);
    const safe = (path: string) => this.#image.safeBytes(path) ?? Buffer.alloc(0);
    return inHistory(generations, safe, this.#folder).some((bytes) => bytes.includes(text));
  }

  hasBegun(generation: number): boolean {
    const bytes = this.#image.safeBytes(segmentPath(this.#folder, generation));
    return bytes?.includes('"generationStarted"') ?? false;
  }

  roleOf(): "next" {
    return "next";
  }
}

/** Where an object says what of its generation is before it, behind its header and its writer. */
const AT_AT = HEADER_BYTES + 16;
/** Where its frames begin, behind that and a checksum. */
const FRAMES_AT = AT_AT + 8 + 4;

/** In objects, in the bucket: all that is there is safe. */
export class ObjectsImage implements JournalImage {
  readonly #image: DiskImage;
  readonly #work: string;

  /** @param work `_shardmill`, in the image */
  constructor(image: DiskImage, work: string) {
    this.#image = image;
    this.#work = work;
  }

  get snapshots(): string {
    return join(this.#own(), "snapshots");
  }

  isThere(): boolean {
    return this.#objects().length > 0;
  }

  records(): JournalRecord[] {
    return this.#objects().flatMap(recordsIn);
  }

  hasSafely(text: string): boolean {
    return this.#objects().some((bytes) => bytes.includes(text));
  }

  hasBegun(generation: number): boolean {
    return this.records().some(
      (record) => record.kind === "generationStarted" && record.generation === generation,
    );
  }

  roleOf(run: string, number: string): ReturnType<JournalImage["roleOf"]> {
    const found = this.#image.lookUp(join(this.#work, run, "journal", number));
    // It may be another job's.
    if (found?.kind !== "file") return "next";
    if (found.bytes.readBigUInt64LE(AT_AT) === 0n) return "start";
    // What is removed, is from its first object on.
    return runAt(this.#image, this.#work) === run && this.isThere() ? "next" : "stray";
  }

  #own(): string {
    return join(this.#work, runAt(this.#image, this.#work) ?? "none");
  }

  /** From the first on, without a gap: what is behind one nobody reads. */
  #objects(): Buffer[] {
    const folder = join(this.#own(), "journal");
    const objects: Buffer[] = [];
    for (let number = 1; ; number += 1) {
      const found = this.#image.lookUp(join(folder, String(number).padStart(12, "0")));
      if (found?.kind !== "file") return objects;
      objects.push(found.bytes);
    }
  }
}

/** Decodes an object by itself: what reads it back is not the code that wrote it. */
function recordsIn(object: Buffer): JournalRecord[] {
  const { records, end } = decodeFrames(object, FRAMES_AT);
  assert(end.kind === "clean", "an object of a journal is put whole");
  return records;
}

/** Which run's journal is the job's, in a bucket; null where nobody has begun one. */
export function runAt(image: DiskImage, work: string): string | null {
  const found = image.lookUp(join(work, "journal.json"));
  return found?.kind === "file" ? (JSON.parse(String(found.bytes)) as { run: string }).run : null;
}

/**
 * What counts of the segments of a folder, in order: the last that was begun, and of each one before it as
 * much as its successor says. What lies behind that was written by a coordinator that had been replaced.
 */
function inHistory(
  generations: readonly number[],
  bytesAt: (path: string) => Buffer,
  folder: string,
): Buffer[] {
  const counted: Buffer[] = [];
  let next: Extract<JournalRecord, { kind: "generationStarted" }> | null = null;
  for (const generation of generations.toSorted((a, b) => b - a)) {
    if (next !== null && generation !== (next.previousGeneration ?? next.generation - 1)) continue;
    const bytes = bytesAt(segmentPath(folder, generation));
    const [first] = decodeFrames(bytes).records;
    if (first?.kind !== "generationStarted") continue;
    counted.unshift(bytes.subarray(0, next?.previousBytes ?? bytes.length));
    next = first;
  }
  return counted;
}
