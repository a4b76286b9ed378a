import { crc32 } from "node:zlib";
import type { Snapshot } from "../schedule/state/snapshot.ts";
import type { CommittedColumns } from "../schedule/state/snapshot-columns.ts";

/*
 * A snapshot is one file, all numbers little-endian:
 *
 *     "SHMLSNAP" | version u32 | head bytes u32 | body bytes u32 | crc32 of all else u32 | head | body
 *
 * The head is JSON in UTF-8; the body is lines of it: the snapshot but for its blocks, and each of these.
 */
const MAGIC = Buffer.from("SHMLSNAP", "latin1");
const VERSION = 1;
const PREFIX_BYTES = 24;

/** Which snapshot: its number, from 1 on over all generations, and the generation that wrote it. */
export interface SnapshotName {
  readonly number: number;
  readonly generation: number;
}

/** Where a snapshot ends: behind so many bytes of the segment of a generation, which have this crc32. */
export interface JournalPlace {
  readonly generation: number;
  readonly bytes: number;
  readonly crc32: number;
}

export interface SnapshotHead {
  /** The generation of the snapshot before this one, without which it means nothing; null for the first. */
  readonly previous: number | null;
  readonly place: JournalPlace;
  /** The versions of Shardmill that have worked on the job, one a generation. */
  readonly builds: readonly string[];
}

/** One that was read, and whose checksum is right. */
export interface FoundSnapshot extends SnapshotName {
  readonly head: SnapshotHead;
  /** Parses it, its blocks as they are asked for. */
  readonly body: () => Snapshot;
}

export function snapshotFileName({ number, generation }: SnapshotName): string {
  return `snapshot-${String(number).padStart(6, "0")}-${generation}.snap`;
}

/** Null for another file. */
export function parseSnapshotFileName(name: string): SnapshotName | null {
  const [, number, generation] = /^snapshot-(\d{6,12})-(\d{1,10})\.snap$/.exec(name) ?? [];
  return number === undefined ? null : { number: Number(number), generation: Number(generation) };
}

export function encodeSnapshot(head: SnapshotHead, snapshot: Snapshot): Buffer {
  const { committed, ...rest } = snapshot;
  const lines = [rest, ...committed].map((line) => Buffer.from(`${JSON.stringify(line)}\n`));
  const [headBytes, body] = [Buffer.from(JSON.stringify(head)), Buffer.concat(lines)];
  const file = Buffer.allocUnsafe(PREFIX_BYTES + headBytes.length + body.length);
  MAGIC.copy(file);
  file.writeUInt32LE(VERSION, 8);
  file.writeUInt32LE(headBytes.length, 12);
  file.writeUInt32LE(body.length, 16);
  headBytes.copy(file, PREFIX_BYTES);
  body.copy(file, PREFIX_BYTES + headBytes.length);
  file.writeUInt32LE(crcOf(file), 20);
  return file;
}

/** Null for a file that is damaged, not whole, or of another version: the journal tells the same. */
export function decodeSnapshot(file: Buffer, name: SnapshotName): FoundSnapshot | null {
  if (file.length < PREFIX_BYTES || MAGIC.compare(file, 0, MAGIC.length) !== 0) return null;
  if (file.readUInt32LE(8) !== VERSION) return null;
  const bodyAt = PREFIX_BYTES + file.readUInt32LE(12);
  const end = bodyAt + file.readUInt32LE(16);
  if (end !== file.length || file.readUInt32LE(20) !== crcOf(file)) return null;
  const head: SnapshotHead = JSON.parse(file.toString("utf8", PREFIX_BYTES, bodyAt));
  return { ...name, head, body: () => parseBody(file.subarray(bodyAt, end)) };
}

function parseBody(body: Buffer): Snapshot {
  const firstEnd = body.indexOf("\n");
  const rest: Omit<Snapshot, "committed"> = JSON.parse(body.toString("utf8", 0, firstEnd));
  return { ...rest, committed: blocksIn(body.subarray(firstEnd + 1)) };
}

function* blocksIn(lines: Buffer): Generator<CommittedColumns> {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf("\n", at);
    yield JSON.parse(lines.toString("utf8", at, end));
    at = end + 1;
  }
}

/** Over the lengths too. */
function crcOf(file: Buffer): number {
  return crc32(file.subarray(PREFIX_BYTES), crc32(file.subarray(0, 20)));
}

/** What they tell, parsed one after the other: there may be a hundred, of some megabytes each. */
export function* bodiesOf(snapshots: readonly FoundSnapshot[]): Generator<Snapshot> {
  for (const snapshot of snapshots) yield snapshot.body();
}
