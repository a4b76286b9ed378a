import type { ErrorData } from "../core/errors.ts";
import type { JobId } from "./job-id.ts";
import type { RowsFormat } from "./output-shape.ts";
import type { RunFacts } from "./run-facts.ts";

/** A job as people see it: in `status`, `watch`, the progress line and the JSON summary. */
export interface JobStatus extends RunFacts {
  readonly jobId: JobId;
  readonly name: string;
  /** The output folder and the manifest in it (empty until published). */
  readonly output: string;
  readonly manifest: string;
  /** Format of the published rows. */
  readonly rowsFormat: RowsFormat;
  readonly failure: ErrorData | null;
  /** When it ended, in UTC; null before, and of one that another coordinator ended. */
  readonly ended: string | null;
  /** Jobs of a higher one are served first. */
  readonly priority: number;
  /** It gives out no shards until it is resumed; never in another phase than planning and running. */
  readonly paused: boolean;
}
