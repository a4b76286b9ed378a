import { randomBytes } from "node:crypto";
import { lstat, rename, rm } from "node:fs/promises";
import { sealModel } from "../../coordinator/plan/fetch/sealed-files.ts";
import { modelPathOf, readModelFolder } from "../../coordinator/plan/folder/read-model-folder.ts";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { readModelFile } from "../../coordinator/plan/model/model-file.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { placeAlone } from "../../shared/core/hard-link.ts";
import { convertModel } from "./onnx/convert-model.ts";
import type { Conversion, ConvertedPrecision } from "./onnx/precision.ts";

export interface ConvertedToFile {
  readonly conversion: Conversion;
  /** Size of the model with its external data. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly sha256: Digest;
}

/**
 * Converts a model into a file. The file appears atomically, after the runtime has loaded it once.
 *
 * @param options.output absolute path. With `replace`, an existing file is replaced atomically.
 * @throws {OUTPUT_OCCUPIED} when `output` exists and `replace` is false
 * @throws {OUTPUT_FAILED} when the file cannot be written
 * @throws {MODEL_NOT_FOUND} {MODEL_INVALID} like `inspectModel` and `convertModel`
 */
export async function convertToFile(options: {
  readonly model: string;
  readonly precision: ConvertedPrecision;
  readonly output: string;
  readonly replace: boolean;
  readonly signal: AbortSignal;
}): Promise<ConvertedToFile> {
  const { precision, output, replace, signal } = options;
  if (!replace && (await lstat(output).catch(() => null)) !== null) throw occupied(output);
  const { path, ...sealed } = sealModel(options.model);
  const files = { ...sealed, signal };
  const folder = await readModelFolder({ path }, files);
  const model = await readModelFile(modelPathOf({ path }, folder), files);
  const temporary = `${output}.${process.pid}-${randomBytes(4).toString("hex")}.new`;
  try {
    const { conversion, bytes, sha256 } = await convertModel({ model, precision, output: temporary, signal });
    await inspectModel(temporary, { signal });
    // A link fails when a file has appeared at `output` meanwhile.
    if (replace) await rename(temporary, output);
    else await placeAlone(temporary, output);
    const bytesBefore = model.externalData.reduce((sum, data) => sum + data.bytes, model.bytes);
    return { conversion, bytesBefore, bytesAfter: bytes, sha256 };
  } catch (cause) {
    if (isShardmillError(cause)) throw cause;
    signal.throwIfAborted();
    if (errorCode(cause) === "EEXIST") throw occupied(output);
    throw new ShardmillError("OUTPUT_FAILED", `the model cannot be written: ${messageOf(cause)}`, {
      fields: { path: output },
      cause,
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

function occupied(path: string): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} already exists`, {
    fields: { path },
    hint: "choose another output, or replace this one with --force",
  });
}
