import type { ShardmillError } from "../core/errors.ts";
import type { ConversionReport } from "../domain/accuracy.ts";
import type { ModelFile, PlannedJob } from "../domain/job.ts";
import type { Style } from "../terminal/style.ts";

/**
 * Key of `model` in the job file that converts the model on the coordinator before workers load it. At most
 * one extension has this part. It passes `test/contract/conversions.test.ts`.
 */
export interface ConversionPart {
  /** Key below `model`: `precision`. */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Values of the key. The first is its default, and disables conversion. */
  readonly values: readonly [string, ...string[]];
  /** Version of the converter. Increase it when the same model gives another file. */
  readonly version: number;
  /** Values that advice recommends for a slow model, on the CPU and on other devices. */
  readonly faster: { readonly cpu: string; readonly other: string };
  load(): Promise<Converter>;
}

interface Converter {
  /**
   * Converts a model, or reads it from the user's cache. The same model gives the same bytes.
   *
   * @param value one of the part's values, but not the first
   * @throws {MODEL_INVALID} when the model cannot be converted, or has nothing to convert
   * @throws {CACHE_FAILED} when the cache cannot be written
   */
  convert(original: ModelFile, value: string, signal: AbortSignal): Promise<ConvertedModel>;
  /**
   * Runs the converted model and its original on rows of the job, on this machine, and compares the outputs.
   *
   * @param planned job with a converted model, whose `model.check` requests rows
   * @throws {MODEL_FAILED} when the comparison fails
   * @throws errors of reading the rows or loading the models
   */
  check(planned: PlannedJob, signal: AbortSignal): Promise<CheckedConversion>;
}

export interface ConvertedModel {
  /** Model in the user's cache. Its format is checked, and a session has loaded it once. */
  readonly model: ModelFile;
  /** Sentences for the user. */
  readonly warnings: readonly string[];
}

export interface CheckedConversion {
  readonly report: ConversionReport;
  /** Returns the findings as lines for a terminal. */
  readonly text: (style: Style) => string;
  /** Error of a job that must not run because the models differ too much. Null: the job may run. */
  readonly refusal: ShardmillError | null;
}
