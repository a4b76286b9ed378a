import type { ErrorData } from "../core/errors.ts";
import type { JobId } from "./job-id.ts";
import type { RowsFormat } from "./output-formats.ts";
import type { RunFacts } from "./run-facts.ts";

/** Job for people: in `status`, `watch`, the progress line and the JSON summary. */
export interface JobStatus extends RunFacts {
  readonly jobId: JobId;
  readonly name: string;
  /** Output folder. `manifest` is the path of its manifest, empty until published. */
  readonly output: string;
  readonly manifest: string;
  /** Format of the published rows. */
  readonly rowsFormat: RowsFormat;
  readonly failure: ErrorData | null;
  /** End of the job in UTC. Null: it still runs, or another coordinator ended it. */
  readonly ended: string | null;
  /** Jobs of a higher priority are served first. */
  readonly priority: number;
  /** The job assigns no shards until it is resumed. Only jobs in planning or running can be paused. */
  readonly paused: boolean;
}
