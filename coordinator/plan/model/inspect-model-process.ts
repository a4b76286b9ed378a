import { errorToData } from "../../../shared/core/errors.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import { createSession } from "../../../shared/onnx/session.ts";
import type { InspectAnswer, InspectQuestion } from "./inspect-model.ts";

/** The child process of `inspectModel`: loads the model on the CPU, unoptimised, and reads its signature. */

async function inspect({ path }: InspectQuestion): Promise<InspectAnswer> {
  try {
    await using session = await createSession(path, { device: "cpu", threads: 1, optimize: false });
    return { kind: "read", signature: session.signature };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

await answerIsolated((question) => inspect(question as InspectQuestion));
