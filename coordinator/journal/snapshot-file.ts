import { crc32 } from "node:zlib";
import { NO_TOTALS } from "../schedule/state/job-state.ts";
import type { RecordOf } from "../schedule/state/record.ts";
import type { Snapshot, SnapshotBlock } from "../schedule/state/snapshot.ts";

/*
 * A snapshot is one file, all numbers little-endian:
 *
 *     "SHMLSNAP" | version u32 | head bytes u32 | body bytes u32 | crc32 of all else u32 | head | body
 *
 * The head is JSON in UTF-8. The body is lines of JSON: the job, the plan in pieces, and the blocks.
 */
const MAGIC = Buffer.from("SHMLSNAP", "latin1");
/**
 * Raised whenever the stored facts of a job, a shard or a record change: a test pins them. New row counts
 * need no new version, because the totals in the file name them.
 */
const VERSION = 8;
const PREFIX_BYTES = 24;
const CRC_AT = 20;

/** Number of a snapshot, from 1 on over all generations, and the generation that wrote it. */
export interface SnapshotName {
  readonly number: number;
  readonly generation: number;
}

/**
 * Snapshot that the next one follows, identified by its content. Another run of the job may have written one
 * of the same name.
 */
export interface LastSnapshot extends SnapshotName {
  readonly crc32: number;
}

/**
 * Position that a snapshot covers: the segment of a generation up to `bytes`, with the crc32 of that prefix.
 */
export interface JournalPlace {
  readonly generation: number;
  readonly bytes: number;
  readonly crc32: number;
}

export interface SnapshotHead {
  /** Previous snapshot, which this one builds upon. Null for the first. */
  readonly previous: Omit<LastSnapshot, "number"> | null;
  readonly place: JournalPlace;
  /** Versions of Shardmill that have worked on the job, each once. */
  readonly builds: readonly string[];
  /** History of the run, for users, as its recorder gave it. Missing in files of earlier builds. */
  readonly run?: unknown;
}

/** A snapshot that was read, and whose checksum is valid. */
export interface FoundSnapshot extends LastSnapshot {
  readonly head: SnapshotHead;
  /** Parses the body. Blocks are parsed on demand. */
  readonly body: () => Snapshot;
}

export function snapshotFileName({ number, generation }: SnapshotName): string {
  return `snapshot-${String(number).padStart(6, "0")}-${generation}.snap`;
}

/** Parses the name of a snapshot file. Null: it is another file. */
export function parseSnapshotFileName(name: string): SnapshotName | null {
  const [, number, generation] = /^snapshot-(\d{6,12})-(\d{1,10})\.snap$/.exec(name) ?? [];
  return number === undefined ? null : { number: Number(number), generation: Number(generation) };
}

export interface EncodedSnapshot {
  /** Content of the file, in order. */
  readonly pieces: readonly Buffer[];
  readonly crc32: number;
}

/** @param pause called between two lines, each of which takes a short time */
export async function encodeSnapshot(
  head: SnapshotHead,
  snapshot: Snapshot,
  pause: () => Promise<void>,
): Promise<EncodedSnapshot> {
  const pieces = [Buffer.from(JSON.stringify(head))];
  for (const line of linesOf(snapshot)) {
    pieces.push(Buffer.from(`${JSON.stringify(line)}\n`));
    await pause();
  }
  const [headBytes = 0, ...lineBytes] = pieces.map(({ length }) => length);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(headBytes, 12);
  prefix.writeUInt32LE(
    lineBytes.reduce((sum, bytes) => sum + bytes, 0),
    16,
  );
  const crc = pieces.reduce((sum, piece) => crc32(piece, sum), crc32(prefix.subarray(0, CRC_AT)));
  prefix.writeUInt32LE(crc, CRC_AT);
  return { pieces: [prefix, ...pieces], crc32: crc };
}

/**
 * Decodes a snapshot. Null for a file that is damaged, incomplete, or of another version or other row counts.
 * Then the journal is read instead.
 */
export function decodeSnapshot(file: Buffer, name: SnapshotName): FoundSnapshot | null {
  if (file.length < PREFIX_BYTES || MAGIC.compare(file, 0, MAGIC.length) !== 0) return null;
  if (file.readUInt32LE(8) !== VERSION) return null;
  const bodyAt = PREFIX_BYTES + file.readUInt32LE(12);
  const end = bodyAt + file.readUInt32LE(16);
  const crc = file.readUInt32LE(CRC_AT);
  // The checksum covers the lengths, too.
  if (end !== file.length || crc !== crc32(file.subarray(PREFIX_BYTES), crc32(file.subarray(0, CRC_AT))))
    return null;
  const body = file.subarray(bodyAt, end);
  const { job }: FirstLine = parseNext(linesIn(body));
  if (Object.keys(job.totals).join() !== Object.keys(NO_TOTALS).join()) return null;
  const head: SnapshotHead = JSON.parse(file.toString("utf8", PREFIX_BYTES, bodyAt));
  return { ...name, crc32: crc, head, body: () => parseBody(body) };
}

type Plan = RecordOf<"planSealed">;
type PlanPiece = Partial<Pick<Plan, (typeof PLAN_LISTS)[number]>>;

const PLAN_LISTS = ["files", "pruned", "skipped", "pins", "shards"] as const;

/**
 * Most items of a line. Larger lines would stop the coordinator for long, and could exceed the longest
 * string.
 */
const PLAN_PIECE_ITEMS = 20_000;

type FirstLine = Omit<Snapshot, "plan" | "blocks"> & { readonly planPieces: number };

function* linesOf({
  job,
  plan,
  revived,
  blocks,
}: Snapshot): Generator<FirstLine | PlanPiece | SnapshotBlock> {
  const pieces = plan === null ? [] : planPieces(plan);
  yield { job, revived, planPieces: pieces.length };
  yield* pieces;
  yield* blocks;
}

function planPieces(plan: Plan): PlanPiece[] {
  return PLAN_LISTS.flatMap((list) => {
    const items = plan[list] ?? [];
    const pieces = Math.ceil(items.length / PLAN_PIECE_ITEMS);
    return Array.from({ length: pieces }, (_, at) => ({
      [list]: items.slice(at * PLAN_PIECE_ITEMS, (at + 1) * PLAN_PIECE_ITEMS),
    }));
  });
}

/** Joins the pieces of a plan. A plan always has files, so no pieces means no plan. */
function planOf(pieces: readonly PlanPiece[]): Plan {
  const all = <L extends keyof PlanPiece>(list: L) =>
    pieces.flatMap((piece) => (piece[list] ?? []) as never[]);
  return {
    kind: "planSealed",
    files: all("files"),
    pruned: all("pruned"),
    skipped: all("skipped"),
    pins: all("pins"),
    shards: all("shards"),
  };
}

function parseBody(body: Buffer): Snapshot {
  const lines = linesIn(body);
  const { job, revived, planPieces }: FirstLine = parseNext(lines);
  const pieces = Array.from({ length: planPieces }, (): PlanPiece => parseNext(lines));
  return { job, revived, plan: pieces.length === 0 ? null : planOf(pieces), blocks: parsed(lines) };
}

function* linesIn(body: Buffer): Generator<string> {
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf("\n", at);
    yield body.toString("utf8", at, end);
    at = end + 1;
  }
}

function parseNext<T>(lines: Iterator<string>): T {
  const next = lines.next();
  if (next.done === true) throw new Error("a snapshot has too few lines");
  return JSON.parse(next.value);
}

function* parsed(lines: Iterable<string>): Generator<SnapshotBlock> {
  for (const line of lines) yield JSON.parse(line);
}

/** Parses the snapshots one at a time. There may be a hundred, of some megabytes each. */
export function* bodiesOf(snapshots: readonly FoundSnapshot[]): Generator<Snapshot> {
  for (const snapshot of snapshots) yield snapshot.body();
}
