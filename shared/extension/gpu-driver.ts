/** Why a GPU runs slower than it could, where that says that something is wrong with it or its rack. */
export type Slowdown = "hardware" | "hardware heat" | "heat" | "power brake";

/** What a GPU says of itself at one moment; null where its kind does not say it. */
export interface GpuReading {
  readonly name: string;
  readonly uuid: string;
  /** Share of the last second or so in which it computed, 0 to 1. */
  readonly utilisation: number | null;
  readonly memoryUsedBytes: number | null;
  readonly memoryTotalBytes: number | null;
  readonly celsius: number | null;
  readonly watts: number | null;
  /** Errors of its memory since the driver was loaded, that were corrected, and that were not. */
  readonly correctedErrors: number | null;
  readonly uncorrectedErrors: number | null;
  readonly slowdowns: readonly Slowdown[];
  /** NVIDIA's numbers of errors that the driver met on it since the reading before. */
  readonly xids: readonly number[];
}

/** A reading, or why there is none: the driver no longer finds it. */
export type GpuLook =
  | { readonly kind: "read"; readonly reading: GpuReading }
  | { readonly kind: "lost"; readonly why: string };

/** Source of readings. */
export interface GpuReader {
  /** @param gpu an index or a UUID, as CUDA_VISIBLE_DEVICES has them */
  look(gpu: string): Promise<GpuLook>;
}

/** Driver of GPUs, as far as workers ask it. */
export interface GpuDriver extends GpuReader {
  /** Lists the devices that this process sees, by UUID: GPUs, and parts that a GPU is cut into. */
  list(): Promise<readonly string[]>;
  /** Returns how much of a device's memory is free, 0 to 1. Null: its kind does not say it. */
  freeShare(gpu: string): Promise<number | null>;
}

/** GPUs of one maker, seen through the driver. */
export interface GpuPart {
  /** Opens the driver. Null: this machine has none. */
  open(): Promise<GpuDriver | null>;
}
