import { errorToData } from "../../../shared/core/errors.ts";
import { readExternalTensors } from "../../../shared/onnx/external-data.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import type { ModelDataAnswer, ModelDataQuestion } from "./walk-model.ts";

/** Child process of `walkModel`: reads which other files the model names. */

async function read({ path }: ModelDataQuestion): Promise<ModelDataAnswer> {
  try {
    return { kind: "read", tensors: await readExternalTensors(path) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((question) => read(question as ModelDataQuestion));
