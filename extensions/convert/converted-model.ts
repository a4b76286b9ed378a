import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { asDigest, type Digest, digestFile } from "../../shared/core/digest.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { readRecord } from "../../shared/core/read-record.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import type { ConvertedModel } from "../../shared/extension/conversion.ts";
import { convertModel } from "./onnx/convert-model.ts";
import { CONVERTED_PRECISIONS, type Conversion, type ConvertedPrecision } from "./onnx/precision.ts";
import { CONVERTER_VERSION } from "./spec.ts";

/** Record beside a converted model: the digest that it must have, and its conversion. */
const recordSchema = z.object({
  sha256: z.string().transform(asDigest),
  conversion: z.object({
    precision: z.enum(CONVERTED_PRECISIONS),
    nodes: z.object({ converted: z.number(), total: z.number() }),
    weights: z.object({ tensors: z.number(), values: z.number() }),
    left: z.array(z.object({ op: z.string(), nodes: z.number(), reason: z.string() })),
    warnings: z.array(z.string()),
  }),
}) satisfies z.ZodType<CacheRecord>;

interface CacheRecord {
  readonly sha256: Digest;
  readonly conversion: Conversion;
}

/**
 * Converts a job's model once. The result stays in the user's cache under the original's digest. Each later
 * use checks the result's own digest.
 *
 * @throws {MODEL_INVALID} when the model cannot be converted, or has nothing to convert
 * @throws {CACHE_FAILED} when the cache cannot be written
 */
export async function convertedModel(
  original: ModelFile,
  precision: ConvertedPrecision,
  signal: AbortSignal,
): Promise<ConvertedModel> {
  const folder = cacheFolder("models");
  const path = join(folder, `${modelDigest(original)}-${precision}-v${CONVERTER_VERSION}.onnx`);
  const record = await readRecord(`${path}.json`, recordSchema);
  const found = record === null ? null : await digestFile(path, signal).catch(() => null);
  signal.throwIfAborted();
  if (record !== null && found?.sha256 === record.sha256) {
    return { model: await inspectModel(path, { signal }), warnings: record.conversion.warnings };
  }
  await makeFolders(folder).catch((cause: unknown) => Promise.reject(cacheFailed(folder, cause)));
  return make(original, precision, path, signal);
}

/** Makes the converted model. Concurrent processes make the same bytes, so either file is valid. */
async function make(
  original: ModelFile,
  precision: ConvertedPrecision,
  path: string,
  signal: AbortSignal,
): Promise<ConvertedModel> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.new`;
  try {
    const made = await convertModel({ model: original, precision, output: temporary, signal });
    const { signature } = await inspectModel(temporary, { signal });
    const { sha256, bytes, conversion } = made;
    const record: CacheRecord = { sha256, conversion };
    await rename(temporary, path);
    await writeFile(temporary, JSON.stringify(record));
    await rename(temporary, `${path}.json`);
    const model = { path: parseLocation(path), sha256, bytes, externalData: [], signature };
    return { model, warnings: conversion.warnings };
  } catch (error) {
    if (isShardmillError(error)) throw error;
    signal.throwIfAborted();
    throw cacheFailed(path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

function cacheFailed(path: string, cause: unknown): ShardmillError {
  return new ShardmillError("CACHE_FAILED", `the converted model cannot be stored: ${messageOf(cause)}`, {
    fields: { path },
    hint: "set SHARDMILL_CACHE to a writable folder, or convert the model with `shardmill convert`",
    cause,
  });
}
