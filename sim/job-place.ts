import { join } from "node:path";
import { workPaths } from "../coordinator/publish/work-paths.ts";
import { below, type Location, parseLocation } from "../shared/domain/location.ts";
import { WORK_FOLDER } from "../shared/domain/manifest.ts";
import type { DiskImage } from "./disk-image.ts";
import { type JournalImage, ObjectsImage, runAt, SegmentsImage } from "./journal-image.ts";
import type { SimJob } from "./sim-plan.ts";

/** Facts that decide where a job keeps its files now. A shared job keeps them in the folder of its run. */

type Placed = Pick<SimJob, "out" | "kept" | "isShared">;

export function journalOf({ out, kept, isShared }: Placed, image: DiskImage): JournalImage {
  if (isShared) return new ObjectsImage(image, workPaths(kept).work);
  return new SegmentsImage(image, join(workPaths(out).work, "journal"));
}

/** Returns the folder of the partials as processes name it, or null when work is shared and no run exists. */
export function partialsOf(job: Placed, image: DiskImage): Location | null {
  return partialsBelow(job.out, job, image);
}

/** Returns the folder of the partials in the image. */
export function keptPartials(job: Placed, image: DiskImage): string {
  return partialsBelow(parseLocation(job.kept), job, image) ?? join(workPaths(job.kept).work, "no-run");
}

function partialsBelow(output: Location, { kept, isShared }: Placed, image: DiskImage): Location | null {
  const work = below(output, WORK_FOLDER);
  if (!isShared) return below(work, "partials");
  const run = runAt(image, workPaths(kept).work);
  return run === null ? null : below(work, run, "partials");
}
