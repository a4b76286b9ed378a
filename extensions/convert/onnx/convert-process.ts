import { errorToData } from "../../../shared/core/errors.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import { convertFile } from "./convert-file.ts";
import type { ConvertAnswer, ConvertQuestion } from "./convert-model.ts";

/** Child process of `convertModel`. */

async function convert(question: ConvertQuestion): Promise<ConvertAnswer> {
  try {
    return { kind: "converted", file: await convertFile(question) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((question) => convert(question as ConvertQuestion));
