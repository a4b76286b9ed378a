import { join } from "node:path";
import { decodeFrames, HEADER_BYTES } from "../coordinator/journal/framing.ts";
import { segmentGeneration, segmentPath } from "../coordinator/journal/segment-file.ts";
import type { JournalRecord } from "../coordinator/schedule/state/record.ts";
import { assert } from "../shared/core/assert.ts";
import type { DiskImage } from "./disk-image.ts";

/** A job's journal as it is in the image, regardless of its writer. */
export interface JournalImage {
  /** Folder of its snapshots. */
  readonly snapshots: string;
  isThere(): boolean;
  /** Returns the records that a reader would see now, in order. */
  records(): JournalRecord[];
  /** Returns true when a record contains a text that neither a power cut nor a successor can remove. */
  hasSafely(text: string): boolean;
  /** Returns true when the start of a generation is durable. */
  hasBegun(generation: number): boolean;
  /**
   * Returns the role of an object that was just put: the first of a generation, or a later one. `stray`: a
   * later one whose run is no longer the job's, or is being removed.
   */
  roleOf(run: string, number: string): "start" | "next" | "stray";
}

/** A journal in segments, on the disk that all coordinators of the world use. */
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

/**
 * Offset at which an object states how much of its generation precedes it, after its header and its writer.
 */
const AT_AT = HEADER_BYTES + 16;
/** Offset of the frames, after that number and a checksum. */
const FRAMES_AT = AT_AT + 8 + 4;

/** A journal in objects of a bucket, where every object is durable. */
export class ObjectsImage implements JournalImage {
  readonly #image: DiskImage;
  readonly #work: string;

  /** @param work `_shardmill` in the image */
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
    // The object may belong to another job.
    if (found?.kind !== "file") return "next";
    if (found.bytes.readBigUInt64LE(AT_AT) === 0n) return "start";
    // Objects are removed from the first on.
    return runAt(this.#image, this.#work) === run && this.isThere() ? "next" : "stray";
  }

  #own(): string {
    return join(this.#work, runAt(this.#image, this.#work) ?? "none");
  }

  /** Returns the objects from the first on, up to the first gap. Readers stop there. */
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

/** Decodes an object independently of the code that wrote it. */
function recordsIn(object: Buffer): JournalRecord[] {
  const { records, end } = decodeFrames(object, FRAMES_AT);
  assert(end.kind === "clean", "an object of a journal is put whole");
  return records;
}

/** Returns the run whose journal is the job's in a bucket, or null before one has begun. */
export function runAt(image: DiskImage, work: string): string | null {
  const found = image.lookUp(join(work, "journal.json"));
  return found?.kind === "file" ? (JSON.parse(String(found.bytes)) as { run: string }).run : null;
}

/**
 * Returns the valid part of each segment, in order. Of the last segment that was begun, all is valid. Of an
 * earlier one, as many bytes are valid as its successor states. A replaced coordinator wrote the rest.
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
