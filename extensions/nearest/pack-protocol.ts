import type { ErrorData, Problem } from "../../shared/core/errors.ts";
import type { TableFormat } from "../../shared/domain/dataset.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { FileStat, Location } from "../../shared/domain/location.ts";
import type { NearestSpec } from "./spec.ts";

/** File of a set. */
export interface SetFile extends FileStat {
  readonly path: Location;
  readonly format: TableFormat;
}

/** Request to the process that packs a set. */
export interface PackQuestion extends Pick<NearestSpec, "vector" | "id" | "metric"> {
  /** Key that names the set, for problems. */
  readonly where: string;
  readonly files: readonly SetFile[];
  readonly stores: JobStores;
  /** File on this machine to write. */
  readonly target: string;
}

/** Response of that process. */
export type PackAnswer =
  | { readonly kind: "packed" }
  | { readonly kind: "refused"; readonly problems: readonly Problem[] }
  | { readonly kind: "failed"; readonly error: ErrorData };
