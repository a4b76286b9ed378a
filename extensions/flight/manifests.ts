import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import type { JobResults } from "../../shared/extension/results-view.ts";
import type { JobStorages } from "../../shared/storage/job-storages.ts";

interface KnownManifest {
  readonly version: string;
  readonly manifest: OutputManifest;
}

/** Error when nothing is published. */
export const NOT_PUBLISHED = {
  code: "RESULT_NOT_FOUND",
  hint: "name the folder of the job's output.path. For results of a running job, start `run` or `coordinator` with `--flight HOST:PORT`",
} as const;

/** Limit of cached manifests. One of a hundred thousand files takes some 60 MB. */
const MOST_KEPT = 8;

/** Cache of outputs' manifests, which are read again after a change. */
export class Manifests {
  readonly #storages: Pick<JobStorages, "of">;
  /** Manifests in order of last use, the oldest first. */
  readonly #known = new Map<Location, KnownManifest>();

  constructor(storages: Pick<JobStorages, "of">) {
    this.#storages = storages;
  }

  /**
   * @throws {RESULT_NOT_FOUND} when nothing is published
   * @throws {OUTPUT_FAILED} when the manifest cannot be read
   * @throws the errors of the storage
   */
  async of(
    { output, stores }: Pick<JobResults, "output" | "stores">,
    signal: AbortSignal,
  ): Promise<OutputManifest> {
    const location = below(output, MANIFEST_NAME);
    const storage = await this.#storages.of({ stores }).at(location);
    const { version } = await storage.stat(location, signal).catch((error: unknown) => {
      throw isShardmillError(error, "STORE_NOT_FOUND") ? notPublished(output, error) : error;
    });
    const known = this.#known.get(output);
    this.#known.delete(output);
    const now =
      known?.version === version
        ? known
        : { version, manifest: await readManifest(location, storage, signal) };
    this.#known.set(output, now);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEPT && oldest !== undefined) this.#known.delete(oldest);
    return now.manifest;
  }
}

function notPublished(output: Location, cause: unknown): ShardmillError {
  const { code, hint } = NOT_PUBLISHED;
  const what = `nothing is published in ${output}: it has no ${MANIFEST_NAME}`;
  return new ShardmillError(code, what, { fields: { path: output }, hint, cause });
}
