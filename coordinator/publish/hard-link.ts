import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { errorCode } from "../commit/check-file.ts";

/** What a file system says that has no hard links, or none between these two places. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "EXDEV",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

export function lacksHardLinks(error: unknown): boolean {
  return NO_LINKS.has(errorCode(error) ?? "");
}

/** Gives a durable file a second name, which must be free; where that cannot be, a durable copy. The source stays. */
export async function linkOrCopy(source: string, target: string, disk: Disk = realDisk): Promise<void> {
  try {
    await disk.link(source, target);
  } catch (error) {
    if (!lacksHardLinks(error)) throw error;
    await disk.copyFile(source, target);
    await syncPath(target, disk);
  }
}
