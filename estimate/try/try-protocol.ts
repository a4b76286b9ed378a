import type { ErrorData } from "../../shared/core/errors.ts";
import type { JobDescription, LeaseSlice } from "../../shared/domain/job.ts";
import type { ProcessLayout } from "../../worker/process/supervisor.ts";
import type { PreviewFormat } from "./picture.ts";
import type { RowTrace } from "./row-trace.ts";

/** Rows side by side in one file. */
export interface TriedSlice extends LeaseSlice {
  /** The place of the first in the input. */
  readonly row: number;
}

/** What the process that tries rows is started with: plain JSON. */
export interface TryTask {
  readonly job: JobDescription;
  readonly slices: readonly TriedSlice[];
  readonly worker: Pick<ProcessLayout["options"], "device" | "threadsPerLane" | "allowsModules">;
  readonly scratchPath: string;
  readonly preview: PreviewFormat | null;
}

export type FromTryProcess =
  /** Rows come one by one, in order. */
  | { readonly kind: "row"; readonly trace: RowTrace }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly error: ErrorData };
