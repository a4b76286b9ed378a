import { ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { CallContext } from "../../../shared/core/remote/peer.ts";
import { endText, Remote } from "../../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../../shared/core/remote/thread-link.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { OutputFile } from "../../../shared/domain/manifest.ts";
import type { SortedFiles } from "../../../shared/rows/plan-sorted-parts.ts";
import type { PartRange, SortPart } from "../../../shared/rows/sort-part.ts";
import type { WrittenRows } from "../../../shared/rows/write-rows.ts";
import type { ShapeJob } from "./shape-rows.ts";

/** Methods of the thread that shapes rows. */
export interface ShapeThread {
  /** Emits the number of rows written so far. */
  shape(job: ShapeJob, context: CallContext<number>): Promise<readonly OutputFile[]>;
  /** Plans the parts of sorted rows. */
  planSorted(sorted: SortedFiles & InThread, context: CallContext): Promise<readonly PartRange[][]>;
  /** Sorts a part. `scratch`: folder for this call alone. */
  sortPart(part: PartToSort & InThread, context: CallContext): Promise<WrittenRows>;
}

type InThread = Pick<ShapeJob, "stage" | "stores">;

interface PartToSort extends SortPart {
  readonly location: Location;
  readonly scratch: string;
}

export function openShapeThread(): Remote<ShapeThread> {
  const script = compiledUrl("coordinator/publish/shape/shape-thread.ts");
  return new Remote(new ThreadLink(script), { lost: (end) => lost(endText(end), end) });
}

/**
 * Runs `shapeRows` in a separate thread, so that the main thread does not encode. Once the signal aborts,
 * waits until the thread has closed its current file.
 */
export async function shapeRowsApart(
  job: ShapeJob,
  onWritten: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly OutputFile[]> {
  signal.throwIfAborted();
  await using thread = openShapeThread();
  const files = await thread.call("shape", job, { onEvent: onWritten, onAbort: "wait", signal });
  signal.throwIfAborted();
  return files;
}

function lost(what: string, cause: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `the thread that shapes the rows was lost: ${what}`, { cause });
}
