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
import { fetchTogether } from "../fetch/kept-files.ts";
import { besideFile } from "../fetch/sealed-files.ts";
import { dataOutside } from "./model-data-files.ts";
import { walkModel } from "./walk-model.ts";

interface FetchModelOptions {
  readonly storage: Storage;
  /** Gets the addresses of the files that it keeps tensors in: those that the storage goes by. */
  readonly stores: Pick<JobStores, "settings"> & { readonly addresses: Record<Location, string> };
  readonly signal: AbortSignal;
  readonly limitMs: number | undefined;
  readonly progress?: FetchProgress | undefined;
}

/**
 * A model that lies elsewhere: copies of its files on this machine, each beside the others under the name
 * that the model knows it by.
 *
 * @throws {MODEL_INVALID} it is no model, or a file that it names is not there
 * @throws {MODEL_CHANGED} one of its files is replaced meanwhile
 * @throws {CACHE_FAILED} the copies cannot be kept; and what the storage throws
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
    locate: (name: string) => besideFile(path, normalize(name), stores.addresses),
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
      hint: "run it again once the model is there whole; publish another version under another name",
      cause,
    },
  );
}

/** What is not there, or not given, is the exporter's to mend; that the way to it broke is told as it is. */
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
