import { ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { CallContext } from "../../../shared/core/remote/peer.ts";
import { endText, Remote, type RemoteEnd } from "../../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../../shared/core/remote/thread-link.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { SortedFiles } from "../../../shared/rows/plan-sorted-parts.ts";
import type { PartRange } from "../../../shared/rows/read-ranges.ts";
import type { PartFile, PartsToWrite } from "../../../shared/rows/write-parts.ts";
import type { FileToOrder, OrderedFile } from "./order-file.ts";

/** Place where a thread that shapes rows works. */
export interface ThreadPlace {
  /** Folder of the files to make. The partials' files are in the same storage. */
  readonly folder: Location;
  /** Folder on this machine's disk for this call alone. */
  readonly scratch: string;
  readonly stores: JobStores;
}

interface At {
  readonly at: ThreadPlace;
}

/** Methods of the thread that shapes rows. Events are numbers of rows that were written. */
export interface ShapeThread {
  orderFile(file: FileToOrder & At, context: CallContext): Promise<OrderedFile>;
  /** Plans the parts of sorted rows. */
  planSorted(sorted: SortedFiles & At, context: CallContext): Promise<readonly PartRange[][]>;
  writeParts(parts: PartsToWrite & At, context: CallContext<number>): Promise<readonly PartFile[]>;
}

/** Opens a thread that shapes rows, so that the main thread does not encode. */
export function openShapeThread(): Remote<ShapeThread> {
  const script = compiledUrl("coordinator/publish/shape/shape-thread.ts");
  const lost = (cause: RemoteEnd) =>
    new ShardmillError("OUTPUT_FAILED", `the thread that shapes the rows was lost: ${endText(cause)}`, {
      cause,
    });
  return new Remote(new ThreadLink(script), { lost });
}
