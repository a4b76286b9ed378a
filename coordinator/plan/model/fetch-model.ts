import { normalize } from "node:path/posix";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import type { ModelFiles } from "../../../shared/domain/job.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type Location, nameOf, parseLocation } from "../../../shared/domain/location.ts";
import { isInsideLocation } from "../../../shared/domain/model-location.ts";
import { reasonOf } from "../../../shared/storage/errors.ts";
import type { FetchProgress } from "../../../shared/storage/fetch-progress.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { fetchTogether } from "../fetch/cached-files.ts";
import { siblingFile } from "../fetch/sealed-files.ts";
import { dataOutside } from "./model-data-files.ts";
import { walkModel } from "./walk-model.ts";

interface FetchModelOptions {
  readonly storage: Storage;
  /**
   * Settings of the stores. Receives the addresses of the model's external data files, which the storage
   * uses.
   */
  readonly stores: Pick<JobStores, "settings"> & { readonly addresses: Record<Location, string> };
  readonly signal: AbortSignal;
  readonly limitMs: number | undefined;
  readonly progress?: FetchProgress | undefined;
}

/**
 * Fetches a model from a store: copies of its files in one folder. The copies have the names by which the
 * model refers to them.
 *
 * @throws {MODEL_INVALID} when it is no model, or a file that it names is missing
 * @throws {MODEL_CHANGED} when one of its files is replaced meanwhile
 * @throws {CACHE_FAILED} when the copies cannot be kept
 * @throws what the storage throws
 */
export async function fetchModel(path: Location, options: FetchModelOptions): Promise<ModelFiles> {
  const { stores } = options;
  let namesOthers = false;
  const wanted = {
    location: path,
    name: nameOf(path) || "model.onnx",
    async others(copy: string) {
      const tensors = await walkModel(parseLocation(copy), path, options);
      namesOthers = tensors.length > 0;
      const outside = tensors.find(({ location }) => !isInsideLocation(location));
      if (outside !== undefined) throw dataOutside(path, outside);
      return tensors.map(({ location }) => location);
    },
    locate: (name: string) => siblingFile(path, normalize(name), stores.addresses),
  };
  const fetched = await fetchTogether(wanted, options).catch((error: unknown) => {
    if (isShardmillError(error, "STORE_CHANGED")) throw replaced(path, error);
    throw namesOthers ? withoutData(path, error) : error;
  });
  const [own, ...data] = fetched;
  const { path: copy, bytes, sha256 } = present(own, "a model has a file");
  const externalData = data.map((file) => {
    return { location: file.name, path: file.path, bytes: file.bytes, sha256: file.sha256 };
  });
  return { path: copy, bytes, sha256, externalData };
}

function replaced(path: Location, cause: unknown): ShardmillError {
  return new ShardmillError(
    "MODEL_CHANGED",
    `the model was replaced while it was fetched: ${reasonOf(cause)}`,
    {
      fields: { path },
      hint: "run the job again once the model is complete, and publish a new version under a new name",
      cause,
    },
  );
}

/**
 * Converts a missing or refused data file to a fault of the model. Other failures of the store stay as they
 * are.
 */
function withoutData(path: Location, cause: unknown): unknown {
  if (!isShardmillError(cause, "STORE_NOT_FOUND") && !isShardmillError(cause, "STORE_REFUSED")) return cause;
  return new ShardmillError("MODEL_INVALID", `the model's external data cannot be read: ${reasonOf(cause)}`, {
    fields: { path },
    hint:
      cause.hint ??
      "keep the model's external data files beside it, under the names that it was exported with",
    cause,
  });
}
