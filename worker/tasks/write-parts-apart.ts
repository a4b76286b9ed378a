import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import { endText, Remote } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartFile, PartsToWrite } from "../../shared/rows/write-parts.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "../read/data-access.ts";

interface PartsJob extends PartsToWrite {
  readonly access: DataAccess;
  readonly job: Pick<JobDescription, "jobId" | "stores">;
  /** Folder on this machine for the files. */
  readonly folder: Location;
  /** Existing folder on this machine for this call alone. The caller removes it. */
  readonly scratch: string;
}

/** Methods of a thread that writes parts. */
export interface PartThread {
  write(job: PartsJob, context: CallContext): Promise<readonly PartFile[]>;
}

export type WriteParts = (job: PartsJob, signal: AbortSignal) => Promise<readonly PartFile[]>;

/** Writes parts of an output in a thread of its own. Once the signal aborts, waits for the thread. */
export const writePartsApart: WriteParts = async (job, signal) => {
  const script = compiledUrl("worker/tasks/part-thread.ts");
  await using thread = new Remote<PartThread>(new ThreadLink(script), {
    lost: (end) =>
      new ShardmillError("WORKER_LOST", `the thread that writes parts was lost: ${endText(end)}`, {
        cause: end,
      }),
  });
  const files = await thread.call("write", job, { onAbort: "wait", signal });
  signal.throwIfAborted();
  return files;
};
