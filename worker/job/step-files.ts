import { join } from "node:path";
import { canonicalJson, sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { nameOf, viaCoordinator } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import {
  type CopiesPlace,
  fetchedFiles,
  type LocalCopy,
  localFiles,
  type WantedFile,
} from "../../shared/storage/local-copy.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/**
 * The files of a job's steps as they lie on this machine.
 *
 * @throws {MODEL_CHANGED} when the bytes are not those that were planned
 */
export function stepFilesHere(files: readonly StepFile[]): Promise<LocalCopy> {
  return localFiles(wanted(files), fileChanged);
}

interface CopyOptions {
  /** The coordinator's. */
  readonly storage: Pick<Storage, "read">;
  readonly copies: CopiesPlace;
  readonly progress?: FetchProgress | undefined;
}

/** Copies of them on this machine, from the coordinator; fetched once. @throws as {@link stepFilesHere} */
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

/** Files of several folders may have one name. */
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
