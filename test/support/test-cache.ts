import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureCredential } from "../../shared/access/credential.ts";

/** What the tests of one run share as their cache folder: named by the process that runs them all. */
export const testCacheFolder: string = join(tmpdir(), `shardmill-test-cache-${process.pid}`);

/** The secret of the coordinators that they start. */
export const testSecretFile: string = join(testCacheFolder, "secret");

/** Called before the first test: a coordinator without room, or rights, could not make a secret. */
export async function setup(): Promise<void> {
  await ensureCredential(testSecretFile);
}

/** Called after the last test. */
export async function teardown(): Promise<void> {
  await rm(testCacheFolder, { recursive: true, force: true });
}
