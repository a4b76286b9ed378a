import { ShardmillError } from "../../shared/core/errors.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";

export interface LaneRequest {
  readonly device: ConcreteDevice;
  /** Cores that this worker may use. */
  readonly cores: number;
  readonly requestedLanes: number | "auto";
  readonly requestedThreads: number | "auto";
}

export interface LaneLayout {
  readonly lanes: number;
  /** Intra-op threads of each lane's session. */
  readonly threads: number;
}

/**
 * Default lanes of a GPU. With two, one batch is copied while the other is computed. More would only split
 * the GPU's memory.
 */
const GPU_LANES = 2;

/**
 * Returns the lanes of a device, and the threads of each.
 *
 * CPU: a lane for each core with one thread. If the user sets either number, the cores are divided by it.
 * GPU: as many lanes as the provider supports, at most two. One thread each, because the operators run on the
 * device.
 *
 * @throws {ARGUMENT_INVALID} when the device supports fewer lanes in one process
 */
export function layOutLanes({ device, cores, requestedLanes, requestedThreads }: LaneRequest): LaneLayout {
  const { maxLanes } = DEVICE_TRAITS[device];
  if (maxLanes !== null && requestedLanes !== "auto" && requestedLanes > maxLanes) {
    throw new ShardmillError(
      "ARGUMENT_INVALID",
      `${device} supports at most ${maxLanes} lane in one process`,
      {
        fields: { device, lanes: requestedLanes, maxLanes },
        hint: "start more workers instead: each is a process of its own",
      },
    );
  }
  if (device === "cpu") {
    const shareOf = (divisor: number) => Math.max(1, Math.floor(cores / divisor));
    const lanes =
      requestedLanes === "auto"
        ? shareOf(requestedThreads === "auto" ? 1 : requestedThreads)
        : requestedLanes;
    const threads = requestedThreads === "auto" ? shareOf(lanes) : requestedThreads;
    return { lanes, threads };
  }
  const lanes = requestedLanes === "auto" ? Math.min(GPU_LANES, maxLanes ?? GPU_LANES) : requestedLanes;
  return { lanes, threads: requestedThreads === "auto" ? 1 : requestedThreads };
}
