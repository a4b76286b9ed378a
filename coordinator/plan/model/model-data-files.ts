import { normalize } from "node:path/posix";
import { NEVER } from "../../../shared/core/abort.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { below, folderOf, type Location } from "../../../shared/domain/location.ts";
import { isInsideLocation } from "../../../shared/domain/model-location.ts";
import type { ExternalTensor } from "../../../shared/onnx/external-data.ts";
import { isNotAFile, reasonOf } from "../../../shared/storage/errors.ts";
import type { Storage } from "../../../shared/storage/storage.ts";

interface FoundModelData {
  readonly location: string;
  readonly path: Location;
  readonly bytes: number;
}

const STATS_AT_ONCE = 16;

/**
 * Finds the external data files of a model, and checks that each is a file in the model's folder. An
 * untrusted model must not make its reader open anything else. A link may lead elsewhere in that folder, or
 * to the real folder of the model file. Download caches link each file of a model from one store.
 *
 * @throws {MODEL_INVALID} naming the first tensor whose location is absolute, has `..`, leads outside, or is
 *   no file
 */
export async function findModelData(
  modelPath: Location,
  tensors: readonly ExternalTensor[],
  storage: Storage,
): Promise<FoundModelData[]> {
  if (tensors.length === 0) return [];
  const homes = await Promise.all([
    storage.real(folderOf(modelPath), NEVER),
    storage.real(modelPath, NEVER).then(folderOf),
  ]);
  return mapConcurrent(tensors, STATS_AT_ONCE, (tensor) => findOne({ modelPath, homes, storage }, tensor));
}

interface Homes {
  readonly modelPath: Location;
  /** Folders that may hold the data, with links resolved. */
  readonly homes: readonly Location[];
  readonly storage: Storage;
}

async function findOne(
  { modelPath, homes, storage }: Homes,
  { tensor, location }: ExternalTensor,
): Promise<FoundModelData> {
  const refuse = (what: string, hint: string, cause?: unknown) =>
    dataRefused(modelPath, { tensor, location }, { what, hint, cause });
  const named = JSON.stringify(location);
  if (!isInsideLocation(location)) throw dataOutside(modelPath, { tensor, location });
  // A storage without folders would take `./` as part of the name.
  const path = below(folderOf(modelPath), normalize(location));
  const [real, stat] = await Promise.all([
    storage.real(path, NEVER),
    storage.stat(path, NEVER).catch((error: unknown) => {
      if (isNotAFile(error)) return null;
      throw error;
    }),
  ]).catch((cause: unknown) => {
    const hint = "keep the model's external data files beside it, under the names that it was exported with";
    throw refuse(`has its external data at ${named}, which cannot be read: ${reasonOf(cause)}`, hint, cause);
  });
  if (!homes.some((home) => real.startsWith(home.endsWith("/") ? home : `${home}/`))) {
    throw refuse(`has its data at ${named}, a link that leads outside the model's folder`, STAY);
  }
  if (stat === null) throw refuse(`has its data at ${named}, which is not a file`, STAY);
  return { location, path, bytes: stat.bytes };
}

const STAY = "keep external data in the model's own folder, and name it relative to that folder";

/** Returns the error of a tensor whose location is outside the model's folder. */
export function dataOutside(modelPath: Location, tensor: ExternalTensor): ShardmillError {
  const what = `has its data at ${JSON.stringify(tensor.location)}, outside the model's folder`;
  return dataRefused(modelPath, tensor, { what, hint: STAY });
}

function dataRefused(
  modelPath: Location,
  { tensor, location }: ExternalTensor,
  { what, hint, cause }: { readonly what: string; readonly hint: string; readonly cause?: unknown },
): ShardmillError {
  return new ShardmillError("MODEL_INVALID", `the model's tensor ${JSON.stringify(tensor)} ${what}`, {
    fields: { path: modelPath, tensor, location },
    hint,
    cause,
  });
}
