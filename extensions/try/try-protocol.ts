import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";
import type { RowTrace } from "./row-trace.ts";

/** Consecutive rows of one file. */
export interface TriedSlice extends LeaseSlice {
  /** Index of the first row in the input. */
  readonly row: number;
}

/** Task of the process that tries rows. Plain JSON. */
export interface TryTask {
  readonly job: JobDescription;
  readonly slices: readonly TriedSlice[];
  readonly worker: Pick<ProcessLayout["options"], "device" | "threadsPerLane" | "allowsModules">;
  readonly scratchPath: string;
  readonly preview: PreviewFormat | null;
}

/** Methods of the process that tries rows. */
export interface TryProcess {
  /** Emits the rows one by one, in order. */
  run(task: TryTask, context: CallContext<RowTrace>): Promise<void>;
}
