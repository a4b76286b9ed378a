import { tmpdir } from "node:os";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";

/**
 * Makes a folder for data that this process has not yet stored. Removes folders of killed workers beside it.
 *
 * @throws {ARGUMENT_INVALID} when no folder can be made there
 */
export async function makeScratch(base: string = tmpdir()): Promise<string> {
  try {
    await makeFolders(base);
    return await makeTempFolder("worker", base);
  } catch (cause) {
    throw new ShardmillError("ARGUMENT_INVALID", `the scratch folder cannot be used: ${reasonOf(cause)}`, {
      fields: { path: base },
      hint: "name another with --scratch, or set TMPDIR",
      cause,
    });
  }
}

function reasonOf(error: unknown): string {
  return messageOf(isShardmillError(error, "TEMP_FAILED") ? error.cause : error);
}
