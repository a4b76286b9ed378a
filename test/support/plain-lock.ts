import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { HeldLock } from "../../coordinator/journal/held-lock.ts";
import { realDisk } from "../../shared/core/disk.ts";

/** A lock without a file, where no other coordinator can use the output. */
export const PLAIN_LOCK: Pick<HeldLock, "confirm" | "place" | "remove"> = {
  confirm: async () => {},
  async place(path, text) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  },
  remove: (path) => realDisk.remove(path),
};
