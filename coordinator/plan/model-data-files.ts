import { realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { isInsideLocation } from "../../shared/domain/model-location.ts";
import type { ExternalTensor } from "../../shared/onnx/external-data.ts";

export interface FoundModelData {
  readonly location: string;
  readonly path: string;
  readonly bytes: number;
}

const STATS_AT_ONCE = 16;

/**
 * The files that a model names for its tensors, each made sure to be a file in the model's folder: a model
 * from a stranger must not make its reader open anything else. A link may lead to another place in that
 * folder, or to the folder where the model itself really lies (download caches link each file of a model from
 * one store).
 *
 * @throws {MODEL_INVALID} naming the first tensor whose location is absolute, has `..`, leads out by a link,
 * or is no file
 */
export async function findModelData(
  modelPath: string,
  tensors: readonly ExternalTensor[],
): Promise<FoundModelData[]> {
  if (tensors.length === 0) return [];
  const homes = await Promise.all([realpath(dirname(modelPath)), realpath(modelPath).then(dirname)]);
  return mapConcurrent(tensors, STATS_AT_ONCE, (tensor) => findOne(modelPath, homes, tensor));
}

async function findOne(
  modelPath: string,
  homes: readonly string[],
  { tensor, location }: ExternalTensor,
): Promise<FoundModelData> {
  const refuse = (what: string, hint: string, cause?: unknown) =>
    new ShardmillError("MODEL_INVALID", `the model's tensor ${JSON.stringify(tensor)} ${what}`, {
      fields: { path: modelPath, tensor, location },
      hint,
      cause,
    });
  const named = JSON.stringify(location);
  const stay = "keep external data in the model's own folder, and name it from there";
  if (!isInsideLocation(location)) {
    throw refuse(`has its data at ${named}, outside the model's folder`, stay);
  }
  const path = join(dirname(modelPath), location);
  const [real, stats] = await Promise.all([realpath(path), stat(path)]).catch((cause: unknown) => {
    const hint = "keep the model's external data files beside it, under the names that it was exported with";
    throw refuse(`has its external data at ${named}, which cannot be read: ${messageOf(cause)}`, hint, cause);
  });
  if (!homes.some((home) => real.startsWith(home.endsWith(sep) ? home : `${home}${sep}`))) {
    throw refuse(`has its data at ${named}, a link that leads outside the model's folder`, stay);
  }
  if (!stats.isFile()) throw refuse(`has its data at ${named}, which is not a file`, stay);
  return { location, path, bytes: stats.size };
}
