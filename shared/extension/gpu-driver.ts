/** Reason for a slowdown that indicates a fault of a GPU or its rack. */
export type Slowdown = "hardware" | "hardware heat" | "heat" | "power brake";

/** State that a GPU reports at one moment. Null values: this kind of GPU does not report them. */
export interface GpuReading {
  readonly name: string;
  readonly uuid: string;
  /** Share of about the last second in which the GPU computed, 0 to 1. */
  readonly utilisation: number | null;
  readonly memoryUsedBytes: number | null;
  readonly memoryTotalBytes: number | null;
  readonly celsius: number | null;
  readonly watts: number | null;
  /** Memory errors since the driver was loaded: corrected, and uncorrected. */
  readonly correctedErrors: number | null;
  readonly uncorrectedErrors: number | null;
  readonly slowdowns: readonly Slowdown[];
  /** NVIDIA error numbers (Xid) of this GPU since the previous reading. */
  readonly xids: readonly number[];
}

/** Reading, or the reason why the driver no longer finds the GPU. */
export type GpuLook =
  | { readonly kind: "read"; readonly reading: GpuReading }
  | { readonly kind: "lost"; readonly why: string };

/** Source of readings. */
export interface GpuReader {
  /** @param gpu index or UUID, as in CUDA_VISIBLE_DEVICES */
  look(gpu: string): Promise<GpuLook>;
}

/** GPU driver, with the calls that workers need. */
export interface GpuDriver extends GpuReader {
  /** Lists the devices that this process sees, by UUID: GPUs, and parts of partitioned GPUs. */
  list(): Promise<readonly string[]>;
  /** Returns the share of a device's memory that is free, 0 to 1. Null: unknown for this kind. */
  freeShare(gpu: string): Promise<number | null>;
}

/** GPUs of one vendor, through its driver. */
export interface GpuPart {
  /** Opens the driver. Null: this machine has none. */
  open(): Promise<GpuDriver | null>;
}
