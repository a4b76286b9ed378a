import { below, type Location, localPathOf, parseLocation } from "../../shared/domain/location.ts";
import { WORK_FOLDER } from "../../shared/domain/manifest.ts";

/** Where a job's files are while it runs. */
export interface WorkPaths {
  readonly output: Location;
  /** `_shardmill`, below the output: the partials, and all that is made of them. */
  readonly work: Location;
  readonly partials: Location;
  readonly stage: Location;
  /**
   * The manifest of the output that is being published: which files beside it are Shardmill's, until it is
   * published.
   */
  readonly publishing: Location;
  /** On the coordinator's disk, whatever storage the output is in: the lock and the journal. */
  readonly disk: string;
  readonly journal: string;
  /** On the coordinator's disk: what SQL spills and makes. */
  readonly temp: string;
}

export function workPaths(outputPath: string): WorkPaths {
  const output = parseLocation(outputPath);
  const work = below(output, WORK_FOLDER);
  const disk = localPathOf(work);
  return {
    output,
    work,
    partials: below(work, "partials"),
    stage: below(work, "stage"),
    publishing: below(work, "publishing.json"),
    disk,
    journal: `${disk}/journal`,
    temp: `${disk}/temp`,
  };
}
