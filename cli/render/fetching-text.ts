import { formatBytes } from "../../shared/core/units.ts";
import type { Fetching } from "../../shared/domain/fetching.ts";

/** Describes a download: `3.1 GiB of 10.2 GiB, 85.0 MiB/s`. */
export function fetchingText({ bytes, totalBytes, bytesPerSecond }: Fetching): string {
  return `${formatBytes(bytes)} of ${formatBytes(totalBytes)}, ${formatBytes(Math.round(bytesPerSecond))}/s`;
}
