import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { nearest } from "../../shared/core/nearest.ts";
import { CONCRETE_DEVICES, type ConcreteDevice } from "../../shared/domain/device.ts";

/** Question of a scaler: how many workers of one kind are wanted. */
export interface ScalerRequest {
  /** Open shards that justify one worker. */
  readonly shardsPerWorker: number;
  /** Limit of workers. Null: none. */
  readonly maxWorkers: number | null;
  /** Device of the workers. Jobs for another device are not counted. Null: all jobs count. */
  readonly device: ConcreteDevice | null;
}

/** Limit of shards and workers, because HPAs count in 32 bits. */
const MOST = 1_000_000;
const OWN = ["shardsPerWorker", "maxWorkers", "device"] as const;
/** Metadata keys that KEDA itself reads, and the token, which the guard has read. */
const OTHERS: readonly string[] = ["scalerAddress", "enableTLS", "unsafeSsl", "tokenFromEnv"];

/**
 * Reads the metadata of a KEDA trigger.
 *
 * @throws {ARGUMENT_INVALID} with all problems
 */
export function readScalerRequest(metadata: ReadonlyMap<string, string>): ScalerRequest {
  const problems: Problem[] = [];
  const known = [...OWN, ...OTHERS];
  for (const key of metadata.keys()) if (!known.includes(key)) problems.push(unknownKey(key, known));
  const count = (key: "shardsPerWorker" | "maxWorkers"): number | null => {
    const text = metadata.get(key);
    if (text === undefined) return null;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= MOST) return value;
    problems.push({
      where: key,
      what: "is not a valid number",
      expected: `a whole number from 1 to ${MOST}, in quotes`,
      found: text,
    });
    return null;
  };
  const shardsPerWorker = count("shardsPerWorker");
  const maxWorkers = count("maxWorkers");
  if (!metadata.has("shardsPerWorker")) problems.push(MISSING);
  const device = metadata.get("device") ?? null;
  if (device !== null && !isDevice(device)) problems.push(unknownDevice(device));
  if (problems.length > 0 || shardsPerWorker === null || (device !== null && !isDevice(device)))
    throw new ShardmillError("ARGUMENT_INVALID", "the trigger's metadata cannot be used", {
      problems,
      hint: HINT,
    });
  return { shardsPerWorker, maxWorkers, device };
}

/** Hint for all problems, because KEDA logs an error's message and hint, but not its single problems. */
const HINT =
  'set shardsPerWorker: "8" for one worker per eight open shards. maxWorkers and device (of the workers) are optional';

const MISSING: Problem = {
  where: "shardsPerWorker",
  what: "is missing",
  expected: "the number of open shards per worker",
};

function isDevice(text: string): text is ConcreteDevice {
  return CONCRETE_DEVICES.some((device) => device === text);
}

function unknownDevice(found: string): Problem {
  return { where: "device", what: "is not a device", expected: CONCRETE_DEVICES.join(", "), found };
}

function unknownKey(key: string, known: readonly string[]): Problem {
  return { where: key, what: "is unknown", expected: nearest(key, known) ?? known.join(", ") };
}
