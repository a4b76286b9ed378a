import { rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { present } from "../../../shared/core/assert.ts";
import { type ErrorData, errorFromData, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { makeTempFolder } from "../../../shared/core/temp-folder.ts";
import { conversionOf } from "../../../shared/domain/conversion.ts";
import type { ModelFile, PlannedJob } from "../../../shared/domain/job.ts";
import { sampleSlices } from "../../../shared/domain/sample-slices.ts";
import type { CheckedConversion } from "../../../shared/extension/conversion.ts";
import { runIsolated } from "../../../shared/onnx/isolated.ts";
import type { Comparison } from "../../../worker/accuracy/model-pair.ts";
import { asPrecision } from "../onnx/precision.ts";
import type { CompareQuestion } from "./compare-models.ts";
import { precisionLimits, precisionRefusal } from "./judge-precision.ts";
import { precisionText } from "./precision-text.ts";

/** Reply of the comparing process. */
export type CompareAnswer =
  | { readonly kind: "compared"; readonly comparison: Comparison }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Time limit of a comparison. A slow model is compared on fewer rows. */
const COMPARE_MS = 60_000;

/** Time limit of the process. It includes loading both models and one more batch. */
const CHECK_LIMIT_MS = 600_000;

/**
 * Runs a job's converted model and its original on a sample of the job's rows, and judges the difference.
 * Both run on this machine's CPU, in a separate process.
 *
 * @throws {MODEL_FAILED} when the comparison does not finish
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {MODEL_INVALID} {OUT_OF_MEMORY} when the rows or models cannot
 * be read
 */
export async function checkPrecision(planned: PlannedJob, signal: AbortSignal): Promise<CheckedConversion> {
  const { original } = present(planned.converted, "a job with a converted model");
  const { check } = present(planned.spec.model, "a converted model is the job's");
  const model = present(planned.model, "the job has a converted model");
  const precision = asPrecision(conversionOf(planned.spec.model) ?? "");
  const limits = precisionLimits(check, precision);
  const startMs = performance.now();
  const question: CompareQuestion = {
    original: original.path,
    converted: model.path,
    precision,
    map: planned.map,
    stores: planned.stores,
    slices: sampleSlices(planned, check.rows),
    threads: availableParallelism(),
    tolerance: limits.tolerance,
    limitMs: COMPARE_MS,
  };
  const comparison = await compareApart(question, signal);
  const [originalBytes, convertedBytes] = [bytesOf(original), bytesOf(model)];
  const seconds = (performance.now() - startMs) / 1000;
  const report = { originalBytes, convertedBytes, ...comparison, seconds, ...limits };
  return {
    report,
    text: (style) => precisionText(precision, report, style),
    refusal: precisionRefusal(precision, report),
  };
}

async function compareApart(question: CompareQuestion, signal: AbortSignal): Promise<Comparison> {
  const folder = await makeTempFolder("check");
  try {
    const path = join(folder, "question.json");
    await writeFile(path, JSON.stringify(question));
    const result = await runIsolated({
      script: compiledUrl("extensions/convert/check/compare-process.ts"),
      argument: path,
      limitMs: CHECK_LIMIT_MS,
      signal,
    });
    if (result.kind === "answered") {
      const answer = result.value as CompareAnswer;
      if (answer.kind === "compared") return answer.comparison;
      throw errorFromData(answer.error);
    }
    const what = result.kind === "timedOut" ? "did not finish in time" : "ended without a result";
    throw new ShardmillError("MODEL_FAILED", `the check of the converted model ${what}`, {
      fields: { path: question.converted, how: result.kind === "crashed" ? result.how : result.kind },
      hint: "use the original model, or skip the check with model.check.rows: 0",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function bytesOf({ bytes, externalData }: ModelFile): number {
  return externalData.reduce((sum, data) => sum + data.bytes, bytes);
}
