import type { Logger } from "../../shared/core/log.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { checkSharedSession } from "../../shared/onnx/shared-session/check-shared-session.ts";
import type { LaneLayout } from "./lane-layout.ts";

/**
 * Least memory that sharing must save. The check takes as long as loading about 50 MB of weights again.
 */
const LEAST_SAVED_BYTES = 64 << 20;

interface SharingFacts extends LaneLayout {
  readonly device: ConcreteDevice;
  /** Size of the model's files. */
  readonly modelBytes: number;
}

interface SharingSeams {
  readonly log: Pick<Logger, "warn">;
  /** User's choice: `shared` or `separate`. Other values have no effect. Default: SHARDMILL_SESSIONS. */
  readonly choice?: string | undefined;
  /** Default: `checkSharedSession`. */
  readonly check?: () => Promise<string | null>;
}

/**
 * Decides whether the lanes of a device run one session. It saves a copy of the weights for each further
 * lane. Lanes with several threads need own sessions, because a session has one pool of threads. On GPUs
 * sharing is untested. Logs a warning where it is wanted, and the check of this machine fails.
 */
export async function shouldShareSession(
  { device, lanes, threads, modelBytes }: SharingFacts,
  { log, choice = process.env.SHARDMILL_SESSIONS, check = checkSharedSession }: SharingSeams,
): Promise<boolean> {
  if (device !== "cpu" || threads > 1 || lanes < 2 || choice === "separate") return false;
  const savedBytes = (lanes - 1) * modelBytes;
  if (choice !== "shared" && savedBytes < LEAST_SAVED_BYTES) return false;
  const reason = await check();
  if (reason !== null)
    log.warn({ reason, lanes }, "each lane loads the model, because lanes cannot share it");
  return reason === null;
}
