import { errorToData } from "../../../shared/core/errors.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import { readMetadata } from "../../../shared/onnx/model-metadata.ts";
import { createSession } from "../../../shared/onnx/session.ts";
import type { InspectAnswer, InspectQuestion } from "./inspect-model.ts";
import { tensorOfMade } from "./made-input.ts";

/**
 * Child process of `askInspector`. Loads the model on the CPU, unoptimised, reads its signature, and runs it
 * on request.
 */

async function inspect({ path, run }: InspectQuestion): Promise<InspectAnswer> {
  try {
    await using session = await createSession(path, { device: "cpu", threads: 1, optimize: false });
    const signature = { ...session.signature, metadata: await readMetadata(path) };
    if (run === null) return { kind: "read", signature, ran: [] };
    const feeds = Object.fromEntries(run.inputs.map((input) => [input.tensor, tensorOfMade(input)]));
    const outputs = await session.run(feeds, run.outputs);
    const ran = Object.entries(outputs).map(([name, { dtype, dims }]) => ({ name, dtype, dims }));
    return { kind: "read", signature, ran };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((question) => inspect(question as InspectQuestion));
