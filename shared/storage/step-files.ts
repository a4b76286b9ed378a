import { join } from "node:path";
import { canonicalJson, sha256 } from "../core/digest.ts";
import { ShardmillError } from "../core/errors.ts";
import { nameOf, viaCoordinator } from "../domain/location.ts";
import type { StepFile } from "../domain/step-binding.ts";
import type { FetchProgress } from "./fetch-progress.ts";
import { type CopiesPlace, fetchedFiles, type LocalCopy, localFiles, type WantedFile } from "./local-copy.ts";
import type { Storage } from "./storage.ts";

/**
 * Checks the files of a job's steps and tables on this machine.
 *
 * @throws {MODEL_CHANGED} when the bytes differ from the planned ones
 */
export function stepFilesHere(files: readonly StepFile[]): Promise<LocalCopy> {
  return localFiles(wanted(files), fileChanged);
}

interface CopyOptions {
  /** Storage of the coordinator. */
  readonly storage: Pick<Storage, "read">;
  readonly copies: CopiesPlace;
  readonly progress?: FetchProgress | undefined;
}

/**
 * Fetches copies of these files from the coordinator, once.
 *
 * @throws errors of {@link stepFilesHere}
 */
export function copyStepFiles(
  files: readonly StepFile[],
  { copies: { path, takeTurn }, ...options }: CopyOptions,
): Promise<LocalCopy> {
  const digest = sha256(canonicalJson(files.map((file) => file.sha256)));
  return fetchedFiles(
    wanted(files).map((file) => ({ ...file, location: viaCoordinator(file.location) })),
    { ...options, takeTurn, folder: join(path, `steps-${digest}`), other: fileChanged },
  );
}

/** Adds an index to each name, because files of several folders may have equal names. */
function wanted(files: readonly StepFile[]): readonly WantedFile[] {
  return files.map((file, index) => ({ ...file, name: `${index}/${nameOf(file.location)}` }));
}

function fileChanged(
  { location: path, sha256: expected }: WantedFile,
  found: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError("MODEL_CHANGED", `${path} is not the file that the job was planned with`, {
    fields: { path, expected, found },
    hint: "run the job again with --fresh to use the new file",
    cause,
  });
}
