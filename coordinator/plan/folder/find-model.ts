import { ShardmillError } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { Location } from "../../../shared/domain/location.ts";

/** Name of the subfolder with ONNX files, in a folder that holds a model in several formats. */
export const ONNX_FOLDER = "onnx";

/** Preferred names, in order. Without one of them, the only ONNX file is used. */
const USUAL_FILES = ["model.onnx", `${ONNX_FOLDER}/model.onnx`] as const;

/** Name endings of weights for other libraries. */
const OTHER_WEIGHTS = /\.(safetensors|bin|pt|pth|h5|msgpack|gguf|tflite)$/;

/**
 * Returns the ONNX file of a model's folder. The file that the job names comes first, then `model.onnx`, then
 * `onnx/model.onnx`, then the only one.
 *
 * @param names names of files in the folder, and below `onnx/`
 * @throws {MODEL_NOT_FOUND} when there is none, or not the one that the job names
 * @throws {MODEL_INVALID} when there are several, and none has a preferred name
 */
export function findModel(folder: Location, names: readonly string[], requested: string | undefined): string {
  const models = names.filter((name) => name.endsWith(".onnx")).sort();
  if (requested !== undefined) {
    if (names.includes(requested)) return requested;
    throw new ShardmillError("MODEL_NOT_FOUND", `there is no model ${requested} in the folder ${folder}`, {
      fields: { path: folder, file: requested },
      hint: didYouMean(requested, models).hint ?? `ONNX files in it: ${listNames(models)}`,
    });
  }
  const usual = USUAL_FILES.find((name) => models.includes(name));
  if (usual !== undefined) return usual;
  const [only, ...more] = models;
  if (only === undefined) throw noModel(folder, names);
  if (more.length === 0) return only;
  throw new ShardmillError("MODEL_INVALID", `the folder ${folder} has ${models.length} models`, {
    fields: { path: folder },
    hint: `say which with \`model.file\`: ${listNames(models)}`,
  });
}

function noModel(folder: Location, names: readonly string[]): ShardmillError {
  const weights = names.filter((name) => OTHER_WEIGHTS.test(name)).sort();
  const hint =
    weights.length === 0
      ? "no file in it, or in its folder onnx, ends in .onnx"
      : `it has ${listNames(weights)}: export the model to ONNX, as with \`optimum-cli export onnx --model . out/\``;
  return new ShardmillError("MODEL_NOT_FOUND", `there is no ONNX model in the folder ${folder}`, {
    fields: { path: folder },
    hint,
  });
}
