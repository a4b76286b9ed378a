import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureCredential } from "../../shared/access/credential.ts";

/** Cache folder of all tests of one run, named by the PID of the process that runs them. */
export const testCacheFolder: string = join(tmpdir(), `shardmill-test-cache-${process.pid}`);

/** Secret of the coordinators that the tests start. */
export const testSecretFile: string = join(testCacheFolder, "secret");

/** Makes the secret before the first test. A coordinator without space, or rights, could not make one. */
export async function setup(): Promise<void> {
  await ensureCredential(testSecretFile);
}

/** Removes the folder after the last test. */
export async function teardown(): Promise<void> {
  await rm(testCacheFolder, { recursive: true, force: true });
}
