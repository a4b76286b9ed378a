import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the tests of one run share as their cache folder: named by the process that runs them all. */
export const testCacheFolder: string = join(tmpdir(), `shardmill-test-cache-${process.pid}`);

/** The secret of the coordinators that they start: the first of them makes it. */
export const testSecretFile: string = join(testCacheFolder, "secret");

/** Called after the last test. */
export async function teardown(): Promise<void> {
  await rm(testCacheFolder, { recursive: true, force: true });
}
