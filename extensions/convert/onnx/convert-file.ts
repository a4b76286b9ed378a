import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Digest, sha256 } from "../../../shared/core/digest.ts";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { halveModel } from "./halve-model.ts";
import { loadWeights, tensorsOf } from "./load-weights.ts";
import { decodeOnnxModel, encodeOnnxModel, type OnnxGraph, type OnnxModel, toNumber } from "./onnx-model.ts";
import type { Conversion, ConvertedPrecision } from "./precision.ts";
import { quantizeModel } from "./quantize.ts";

export interface ConvertedFile {
  readonly conversion: Conversion;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Protobuf's limit, less a margin for everything but the weights. */
const MOST_WEIGHT_BYTES = 2 ** 31 - (64 << 20);

/** First IR version whose constants need not be inputs, too. */
const CONSTANTS_APART = 4;

/**
 * Reads a model, converts it, and writes it as one new file. Equal models give equal bytes. Runs in a process
 * that may be killed, because the model is untrusted.
 *
 * @throws {OUTPUT_FAILED} when the result cannot be written
 * @throws {MODEL_INVALID} when the model is not whole, has nothing to convert, or is too large for one file
 */
export async function convertFile(question: {
  readonly path: string;
  readonly precision: ConvertedPrecision;
  /** Absolute path. An existing file is replaced. */
  readonly output: string;
}): Promise<ConvertedFile> {
  const model = await readWhole(question.path);
  const conversion = question.precision === "fp16" ? halveModel(model) : quantizeModel(model);
  const weightBytes = [...tensorsOf(model)].reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (weightBytes > MOST_WEIGHT_BYTES) {
    throw new ShardmillError(
      "MODEL_INVALID",
      `the model has ${weightBytes} bytes as ${question.precision}, more than one ONNX file can hold`,
      {
        fields: { bytes: weightBytes, limit: MOST_WEIGHT_BYTES },
        hint: "convert the model with external data, with the tool that exported it",
      },
    );
  }
  const bytes = encodeOnnxModel(model);
  await write(question.output, bytes).catch((cause: unknown) => {
    throw new ShardmillError("OUTPUT_FAILED", `the converted model cannot be written: ${messageOf(cause)}`, {
      fields: { path: question.output },
      hint: "free space, or choose another place (for a job: SHARDMILL_CACHE)",
      cause,
    });
  });
  return { conversion, bytes: bytes.length, sha256: sha256(bytes) };
}

/**
 * Returns the model as strict float16 for an unoptimised session, see `halveModel`.
 *
 * @throws {MODEL_INVALID} when the model is not whole or has nothing to convert
 */
export async function strictHalf(path: string): Promise<Uint8Array> {
  const model = await readWhole(path);
  halveModel(model, { strict: true });
  return encodeOnnxModel(model);
}

async function readWhole(path: string): Promise<OnnxModel & { graph: OnnxGraph }> {
  const model = decodeOnnxModel(await readFile(path));
  await loadWeights(model, dirname(path));
  // Training state belongs to the original weights.
  model.trainingInfo = [];
  foldConstants(model);
  return model;
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes constants from the inputs. Old files list them there, but runtimes treat them as constants. */
function foldConstants(model: OnnxModel & { graph: OnnxGraph }): void {
  if (toNumber(model.irVersion ?? 0) >= CONSTANTS_APART) return;
  model.irVersion = CONSTANTS_APART;
  const { graph } = model;
  const constants = new Set(graph.initializer.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !constants.has(name));
}
