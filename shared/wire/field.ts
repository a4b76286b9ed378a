import { asDigest, type Digest } from "../core/digest.ts";
import { asJobId, type JobId } from "../domain/job-id.ts";
import { isLocation, type Location } from "../domain/location.ts";
import { type ShardId, shardId } from "../domain/shard.ts";
import { STAGES, type Stage, type StageShares, type WorkerSession, workerSession } from "../domain/worker.ts";
import type { FieldShape, MessageCodec } from "./codec.ts";
import { uint32, type WireReader, wholeMs } from "./wire-message.ts";

/** Codec of one property: a row of a codec table. */
export interface FieldCodec<T> extends FieldShape {
  /** Encodes the value. Undefined: the field is not sent. */
  readonly encode: (value: T) => unknown;
  /**
   * Decodes the field. Undefined: the value does not have the property.
   *
   * @throws {RPC_FAILED} when `encode` could not have made the field
   */
  readonly decode: (message: WireReader, field: string) => T;
}

const asIs = (value: unknown) => value;

const text: FieldCodec<string> = { proto: "string", encode: asIs, decode: (m, f) => m.text(f) };

/** Rows of codec tables. */
export const field = {
  text,
  /** Text that must not be empty. */
  name: { proto: "string", encode: asIs, decode: (m, f) => m.name(f) } satisfies FieldCodec<string>,
  digest: {
    proto: "string",
    encode: asIs,
    decode: (m, f) => asDigest(m.text(f)),
  } satisfies FieldCodec<Digest>,
  jobId: {
    proto: "string",
    encode: asIs,
    decode: (m, f) => asJobId(m.name(f)),
  } satisfies FieldCodec<JobId>,
  /** Job id. Empty: the job submitted last. */
  askedJobId: {
    proto: "string",
    encode: asIs,
    decode: (m, f) => asJobId(m.text(f)),
  } satisfies FieldCodec<JobId>,
  location: { proto: "string", encode: asIs, decode: decodeLocation } satisfies FieldCodec<Location>,
  /** Text. Null is sent as the empty text. */
  textOrNull: {
    proto: "string",
    encode: (value) => value ?? "",
    decode: (m, f) => m.text(f) || null,
  } satisfies FieldCodec<string | null>,
  /** Whole number from 0 to 2^53 - 1. */
  count: { proto: "uint64", encode: asIs, decode: (m, f) => m.count(f) } satisfies FieldCodec<number>,
  /** Whole number from 0 to 2^32 - 1. */
  count32: { proto: "uint32", encode: uint32, decode: (m, f) => m.count(f) } satisfies FieldCodec<number>,
  /** Signed whole number of 32 bits. */
  integer: { proto: "sint32", encode: asIs, decode: decodeInteger } satisfies FieldCodec<number>,
  /** Duration, rounded up to whole milliseconds. */
  wholeMs: { proto: "uint32", encode: wholeMs, decode: (m, f) => m.count(f) } satisfies FieldCodec<number>,
  number: { proto: "double", encode: asIs, decode: (m, f) => m.number(f) } satisfies FieldCodec<number>,
  bytes: { proto: "bytes", encode: asIs, decode: (m, f) => m.bytes(f) } satisfies FieldCodec<Uint8Array>,
  texts: {
    proto: "repeated string",
    encode: asIs,
    decode: (m, f) => m.texts(f),
  } satisfies FieldCodec<readonly string[]>,
  flag: { proto: "bool", encode: asIs, decode: (m, f) => m.flag(f) } satisfies FieldCodec<boolean>,
  session: {
    proto: "string",
    encode: asIs,
    decode: (m, f) => workerSession(m.name(f)),
  } satisfies FieldCodec<WorkerSession>,
  shard: {
    proto: "uint32",
    encode: uint32,
    decode: (m, f) => shardId(m.count(f)),
  } satisfies FieldCodec<ShardId>,
  /** Busy shares of stages. A map, because it reads better than a list of pairs. Its keys cannot be enums. */
  shares: {
    proto: "map<string, double>",
    encode: asIs,
    decode: decodeShares,
  } satisfies FieldCodec<StageShares>,
  orNull,
  orAbsent,
  message,
  held,
  list,
  word,
  wordOrNull,
} as const;

function decodeLocation(message: WireReader, name: string): Location {
  const found = message.name(name);
  return isLocation(found) ? found : message.fail(name, "is not a location");
}

function decodeInteger(message: WireReader, name: string): number {
  const found = message.number(name);
  return Number.isInteger(found) ? found : message.fail(name, "is not a whole number");
}

/** Optional field. Null is not sent. */
function orNull<T>(row: FieldCodec<T>): FieldCodec<T | null> {
  return {
    ...row,
    proto: `optional ${row.proto}`,
    encode: (value) => (value === null ? undefined : row.encode(value)),
    decode: (m, f) => (m.has(f) ? row.decode(m, f) : null),
  };
}

/** Optional field. Undefined is not sent. */
function orAbsent<T>(row: FieldCodec<T>): FieldCodec<T | undefined> {
  return {
    ...row,
    proto: `optional ${row.proto}`,
    encode: (value) => (value === undefined ? undefined : row.encode(value)),
    decode: (m, f) => (m.has(f) ? row.decode(m, f) : undefined),
  };
}

function message<T>(codec: MessageCodec<T>): FieldCodec<T> {
  return {
    proto: codec.message,
    inner: codec.shape,
    encode: (value) => codec.encode(value),
    decode: (m, f) => codec.decode(m.message(f)),
  };
}

/** Value whose only property is the whole field. */
function held<K extends string, T>(property: K, row: FieldCodec<T>): FieldCodec<{ readonly [P in K]: T }> {
  return {
    ...row,
    encode: (value) => row.encode(value[property]),
    decode: (m, f) => ({ [property]: row.decode(m, f) }) as { readonly [P in K]: T },
  };
}

function list<T>(codec: MessageCodec<T>): FieldCodec<readonly T[]> {
  return {
    proto: `repeated ${codec.message}`,
    inner: codec.shape,
    encode: (values) => values.map((value) => codec.encode(value)),
    decode: (m, f) => m.list(f).map((item) => codec.decode(item)),
  };
}

/** Word of a closed set, as an enum: `running` of `JobPhase` is `JOB_PHASE_RUNNING`. */
function word<T extends string>(enumName: string, words: readonly T[]): FieldCodec<T> {
  const { decode, ...row } = wordOrNull(enumName, words);
  return { ...row, decode: (m, f) => decode(m, f) ?? m.fail(f, "is not set") };
}

/** Word or null, which is `..._UNSPECIFIED`. */
function wordOrNull<T extends string>(enumName: string, words: readonly T[]): FieldCodec<T | null> {
  const prefix = upperSnake(enumName);
  const unspecified = `${prefix}_UNSPECIFIED`;
  const values = new Map<string, string>();
  const byValue = new Map<string, T>();
  for (const each of words) {
    const value = `${prefix}_${upperSnake(each)}`;
    values.set(each, value);
    byValue.set(value, each);
  }
  return {
    proto: enumName,
    words,
    encode: (value) => (value === null ? unspecified : values.get(value)),
    decode(m, f) {
      const value = m.enumValue(f);
      if (value === unspecified) return null;
      return byValue.get(value) ?? m.fail(f, `is ${value}, not one of ${words.join(", ")}`);
    },
  };
}

/** Converts `JobPhase` to `JOB_PHASE`, and `awaitingShards` to `AWAITING_SHARDS`. */
function upperSnake(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
}

function decodeShares(message: WireReader, name: string): StageShares {
  const shares: Partial<Record<Stage, number>> = {};
  for (const [key, share] of message.entries(name)) {
    const stage = STAGES.find((candidate) => candidate === key);
    if (stage === undefined) return message.fail(`${name}.${key}`, "is no stage");
    if (typeof share !== "number") return message.fail(`${name}.${key}`, "is not a number");
    shares[stage] = share;
  }
  return shares;
}
