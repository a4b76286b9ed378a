import { asDigest } from "../../../shared/core/digest.ts";
import { asExecutionId } from "../../../shared/domain/execution-id.ts";
import type { PartialFile, PartialManifest } from "../../../shared/domain/partial.ts";
import { NO_ROWS, ROW_COUNT_NAMES } from "../../../shared/domain/row-counts.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";

/** Kinds and names of a partial's files. Nearly all partials of a job have the same. */
export type FileLayout = readonly (readonly [kind: PartialFile["kind"], name: string])[];

/** Distinct layouts of a job, by their JSON. */
export type FileLayouts = Map<string, FileLayout>;

/** Committed state of a shard. */
export interface CommittedShard {
  readonly kind: "committed";
  readonly partial: PartialManifest;
}

/** Lengths in bytes, of two hexadecimal digits each. */
const EXECUTION_ID_BYTES = 8;
const SHA256_BYTES = 32;
export const EXECUTION_ID_LENGTH = 2 * EXECUTION_ID_BYTES;
export const SHA256_LENGTH = 2 * SHA256_BYTES;

const PARTIAL_KEYS = 6 + ROW_COUNT_NAMES.length;
const FILE_KEYS = 5;

/**
 * Checks whether a partial is as nearly all are. It has no dead letters, ids of the usual lengths, and no
 * facts that a later build added.
 */
export function isOrdinary(partial: PartialManifest): boolean {
  const { firstDeadLetter, executionId, digest, files } = partial;
  if (firstDeadLetter !== null || Object.keys(partial).length !== PARTIAL_KEYS) return false;
  if (executionId.length !== EXECUTION_ID_LENGTH || digest.length !== SHA256_LENGTH) return false;
  return files.every(
    (file) => file.sha256.length === SHA256_LENGTH && Object.keys(file).length === FILE_KEYS,
  );
}

const HEX = /^[0-9a-f]*$/;
/** A number of seven bits each. 2^53 takes eight bytes. */
const MOST_NUMBER_BYTES = 8;

/**
 * Returns the state of a shard that this partial commits. A job may have a million. So an ordinary partial is
 * kept as one text of some hundred bytes. Its objects would take six hundred. Others are kept as they are.
 */
export function committedShard(partial: PartialManifest, layouts: FileLayouts): CommittedShard {
  const { executionId, digest, files, token, shard } = partial;
  const hex = [executionId, digest, ...files.map(({ sha256 }) => sha256)].join("");
  const hexBytes = hex.length / 2;
  const numbers = [
    token.generation,
    token.sequence,
    ...ROW_COUNT_NAMES.map((name) => partial[name]),
    ...files.flatMap(({ rows, bytes }) => [rows, bytes]),
  ];
  if (!isOrdinary(partial) || !HEX.test(hex) || !numbers.every(isCount))
    return { kind: "committed", partial };
  const packed = Buffer.allocUnsafe(hexBytes + MOST_NUMBER_BYTES * numbers.length);
  packed.write(hex, "hex");
  const end = numbers.reduce((at, number) => writeNumber(packed, at, number), hexBytes);
  return new PackedCommit(shard, layoutOf(files, layouts), packed.toString("latin1", 0, end));
}

function layoutOf(files: readonly PartialFile[], layouts: FileLayouts): FileLayout {
  const layout: FileLayout = files.map(({ kind, name }) => [kind, name]);
  const key = JSON.stringify(layout);
  const known = layouts.get(key);
  if (known === undefined) layouts.set(key, layout);
  return known ?? layout;
}

/** Text with one character for each byte: execution id, digests, and then numbers of seven bits each. */
class PackedCommit implements CommittedShard {
  readonly kind = "committed";
  readonly shard: ShardId;
  readonly layout: FileLayout;
  readonly packed: string;

  constructor(shard: ShardId, layout: FileLayout, packed: string) {
    this.shard = shard;
    this.layout = layout;
    this.packed = packed;
  }

  /** Unpacks the partial, each time. Read it once. */
  get partial(): PartialManifest {
    const { shard, layout } = this;
    const packed = Buffer.from(this.packed, "latin1");
    const sha256At = (index: number) => {
      const at = EXECUTION_ID_BYTES + index * SHA256_BYTES;
      return asDigest(packed.toString("hex", at, at + SHA256_BYTES));
    };
    const numbers = new Numbers(packed, EXECUTION_ID_BYTES + SHA256_BYTES * (1 + layout.length));
    const token = { generation: numbers.next(), sequence: numbers.next() };
    const counts = { ...NO_ROWS };
    for (const name of ROW_COUNT_NAMES) counts[name] = numbers.next();
    return {
      shard,
      token,
      executionId: asExecutionId(packed.toString("hex", 0, EXECUTION_ID_BYTES)),
      ...counts,
      firstDeadLetter: null,
      files: layout.map(([kind, name], index) => ({
        kind,
        name,
        rows: numbers.next(),
        bytes: numbers.next(),
        sha256: sha256At(1 + index),
      })),
      digest: sha256At(0),
    };
  }
}

function isCount(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

/** Writes a number, the lowest seven bits first. @returns the place after it */
function writeNumber(bytes: Buffer, at: number, number: number): number {
  let [rest, end] = [number, at];
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    bytes[end] = (rest % 0x80) | 0x80;
    end += 1;
  }
  bytes[end] = rest;
  return end + 1;
}

class Numbers {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  next(): number {
    let [number, scale] = [0, 1];
    for (; ; scale *= 0x80) {
      const byte = this.#bytes.readUInt8(this.#at);
      this.#at += 1;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return number;
    }
  }
}
