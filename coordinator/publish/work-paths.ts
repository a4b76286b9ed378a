import { join } from "node:path";
import { WORK_FOLDER } from "../../shared/domain/manifest.ts";

/** Where a job's files are while it runs, below its output folder. */
export interface WorkPaths {
  /** `_shardmill`: the journal is in it, and all below. */
  readonly work: string;
  readonly partials: string;
  readonly stage: string;
  readonly temp: string;
  /**
   * The manifest of the output that is being published: which files beside it are Shardmill's, until it is
   * published.
   */
  readonly publishing: string;
}

export function workPaths(outputPath: string): WorkPaths {
  const work = join(outputPath, WORK_FOLDER);
  return {
    work,
    partials: join(work, "partials"),
    stage: join(work, "stage"),
    temp: join(work, "temp"),
    publishing: join(work, "publishing.json"),
  };
}
