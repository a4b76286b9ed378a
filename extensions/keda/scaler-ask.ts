import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { nearest } from "../../shared/core/nearest.ts";
import { CONCRETE_DEVICES, type ConcreteDevice } from "../../shared/domain/device.ts";

/** What whoever starts and stops workers wants to know: how many of this kind are wanted. */
export interface ScalerAsk {
  /** So many open shards are worth a worker. */
  readonly shardsPerWorker: number;
  /** Null: as many as the shards are worth. */
  readonly maxWorkers: number | null;
  /** The device of these workers: jobs for another are not counted. Null: every job is. */
  readonly device: ConcreteDevice | null;
}

/** A number of shards or workers is not larger: HPAs count in 32 bits. */
const MOST = 1_000_000;
const OWN = ["shardsPerWorker", "maxWorkers", "device"] as const;
/** What KEDA itself reads of a trigger's metadata, and the token, which the guard has read. */
const OTHERS: readonly string[] = ["scalerAddress", "enableTLS", "unsafeSsl", "tokenFromEnv"];

/**
 * Reads the `metadata` of a trigger of KEDA.
 *
 * @throws {ARGUMENT_INVALID} with all that is wrong in it
 */
export function readScalerAsk(metadata: ReadonlyMap<string, string>): ScalerAsk {
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
      what: "is no such number",
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

/** KEDA logs the message and the hint of the whole, and none of single problems. */
const HINT =
  'shardsPerWorker: "8" says that eight open shards are worth a worker; maxWorkers and device (of these workers) may be left out';

const MISSING: Problem = {
  where: "shardsPerWorker",
  what: "is missing",
  expected: "how many open shards are worth a worker",
};

function isDevice(text: string): text is ConcreteDevice {
  return CONCRETE_DEVICES.some((device) => device === text);
}

function unknownDevice(found: string): Problem {
  return { where: "device", what: "is no device", expected: CONCRETE_DEVICES.join(", "), found };
}

function unknownKey(key: string, known: readonly string[]): Problem {
  return { where: key, what: "is not known", expected: nearest(key, known) ?? known.join(", ") };
}
