import { NEVER } from "../../../shared/core/abort.ts";
import { FormatReaders, fetchIn, openInputFile } from "../../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { createSession, type Session } from "../../../shared/onnx/session.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { compareSample, type Sample } from "../../../worker/accuracy/compare-sample.ts";
import { type Comparison, ModelPair } from "../../../worker/accuracy/model-pair.ts";
import { strictHalf } from "../onnx/convert-file.ts";
import type { ConvertedPrecision } from "../onnx/precision.ts";

/** Question to the comparing process, as plain JSON. */
export interface CompareQuestion extends Omit<Sample, "open"> {
  readonly original: string;
  readonly converted: string;
  readonly precision: ConvertedPrecision;
  readonly threads: number;
}

/**
 * Runs two models on the CPU over rows of a job and compares their outputs. Runs in a process that may be
 * killed.
 */
export async function compareModels(question: CompareQuestion, nowMs: () => number): Promise<Comparison> {
  const { threads, map, stores } = question;
  await using original = await createSession(question.original, { device: "cpu", threads });
  await using converted = await openConverted(question);
  const pair = new ModelPair(
    (feeds, outputs) => original.run(feeds, outputs),
    (feeds, outputs) => converted.run(feeds, outputs),
    map,
  );
  await using storages = new Storages({}, stores);
  await using readers = new FormatReaders();
  const open = async (file: InputFile) =>
    openInputFile(byteSource(await storages.at(file.path), file.path, file.bytes), file, {
      readers,
      fetch: fetchIn(storages),
      signal: NEVER,
    });
  return await compareSample(pair, { ...question, open }, nowMs);
}

/**
 * Opens the converted model. A CPU runs float16 operators in float32. The strict variant rounds and overflows
 * as a GPU does.
 */
async function openConverted({ original, converted, precision, threads }: CompareQuestion): Promise<Session> {
  if (precision !== "fp16") return createSession(converted, { device: "cpu", threads });
  return createSession(await strictHalf(original), { device: "cpu", threads, optimize: false });
}
