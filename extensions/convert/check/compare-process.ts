import { readFile } from "node:fs/promises";
import { errorToData } from "../../../shared/core/errors.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import type { CompareAnswer } from "./check-precision.ts";
import { type CompareQuestion, compareModels } from "./compare-models.ts";

/**
 * Child process of `checkPrecision`. Its question is in a file, because many columns exceed a command line.
 */

async function compare(path: string): Promise<CompareAnswer> {
  try {
    const question = JSON.parse(await readFile(path, "utf8")) as CompareQuestion;
    return { kind: "compared", comparison: await compareModels(question, () => performance.now()) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((path) => compare(path as string));
