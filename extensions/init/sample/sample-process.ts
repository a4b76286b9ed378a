import { messageOf } from "../../../shared/core/errors.ts";
import { answerIsolated } from "../../../shared/onnx/isolated.ts";
import { lookAtRows, type SampleQuestion } from "./look-at-rows.ts";
import type { SampleAnswer } from "./sample-rows.ts";

/** Child process of `sampleRows`. Rows and their files are untrusted. */

async function look(question: SampleQuestion): Promise<SampleAnswer> {
  const { signal } = new AbortController();
  try {
    return { kind: "looked", findings: await lookAtRows(question, signal) };
  } catch (error) {
    return { kind: "failed", why: messageOf(error) };
  }
}

answerIsolated((question) => look(question as SampleQuestion));
