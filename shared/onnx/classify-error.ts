import { messageOf, ShardmillError } from "../core/errors.ts";
import type { ConcreteDevice } from "../domain/device.ts";
import { DEVICE_TRAITS } from "./devices.ts";

/** Context of an error that ONNX Runtime threw. */
export interface OnnxErrorContext {
  readonly stage: "load" | "run";
  readonly device: ConcreteDevice;
  /** Path of the model, for the error. Default: none. */
  readonly modelPath?: string;
}

// ONNX Runtime's JavaScript errors have only a text, no code. The patterns come from real messages of version
// 1.30 and from its sources. The tests make the real library throw, where this machine can.

/** The arena, the C++ runtime, the GPU, or V8 could not allocate memory. WebGPU reports it by a buffer. */
const NO_MEMORY =
  /failed to allocate memory|exceeds the max buffer size limit|\[Invalid Buffer [^\]]{0,80}\] is invalid due to a previous error|is smaller than requested bytes|bad_alloc|bad allocation|out of memory|out_?of_?(device_|host_)?memory|cudaErrorMemoryAllocation|STATUS_ALLOC_FAILED|ALLOCATION_FAILED|array buffer allocation failed|not enough memory/i;

/** The provider, or a library that it needs, did not load, or found no device. */
const NO_DEVICE =
  /failed to load (shared )?library|no available backend found|failed to get a webgpu adapter|cannot open shared object file|onnxruntime_binding\.node|(cuda|cudnn|cublas) (failure|error) |dxgi|fallback to cpu ep has been explicitly disabled/i;

/** The device failed after it had worked: nothing can run on it in this process any more. */
const DEVICE_LOST =
  /device (was |is )?(lost|removed|hung)|illegal memory access|unspecified launch failure|misaligned address|device-side assert|cudaErrorLaunchFailure|cuda failure (7\d\d|999)|DXGI_ERROR_DEVICE/i;

/**
 * Translates an error of ONNX Runtime.
 *
 * Loading: OUT_OF_MEMORY, DEVICE_UNAVAILABLE (with what to install), else MODEL_INVALID. Running:
 * OUT_OF_MEMORY, WORKER_LOST when the device is lost, else MODEL_FAILED. A lost device is no fault of a row,
 * and a retry in this process cannot help.
 */
export function classifyOnnxError(error: unknown, context: OnnxErrorContext): ShardmillError {
  if (error instanceof ShardmillError) return error;
  const { device, stage, modelPath } = context;
  const said = tidyMessage(messageOf(error));
  // Many messages contain the model's path, which may match a pattern.
  const words = modelPath === undefined ? said : said.replaceAll(modelPath, "the model");
  const fields = { device, ...(modelPath === undefined ? {} : { path: modelPath }) };
  if (NO_MEMORY.test(words)) {
    return new ShardmillError("OUT_OF_MEMORY", `${device} has not enough memory: ${said}`, {
      fields,
      cause: error,
    });
  }
  if (stage === "run") {
    return DEVICE_LOST.test(words)
      ? new ShardmillError("WORKER_LOST", `${device} stopped working: ${said}`, { fields, cause: error })
      : new ShardmillError("MODEL_FAILED", `the model failed: ${said}`, { fields, cause: error });
  }
  if (NO_DEVICE.test(words)) return deviceUnavailable(device, said, error);
  return new ShardmillError("MODEL_INVALID", `the model cannot be loaded: ${said}`, {
    fields,
    hint: modelHint(words),
    cause: error,
  });
}

/** @returns DEVICE_UNAVAILABLE with what `device` needs as its hint. */
export function deviceUnavailable(device: ConcreteDevice, detail: string, cause?: unknown): ShardmillError {
  const needs = DEVICE_TRAITS[device].needs(process.env);
  return new ShardmillError("DEVICE_UNAVAILABLE", `${device} does not work on this machine: ${detail}`, {
    fields: { device, detail },
    hint:
      needs === ""
        ? "onnxruntime-node has no binary for this platform: reinstall it here"
        : `${device} ${needs}`,
    cause,
  });
}

/** Limit of a message, above any of ONNX Runtime's: the search for C++ in it takes quadratic time. */
const MAX_MESSAGE_CHARS = 4096;

/**
 * Removes the C++ context from a message: source file and line, function signature, trailing newline. Also
 * removes the path, which is in the fields. `/src/model.cc:187 onnxruntime::Model::Model(...) ModelProto does
 * not have a graph.` keeps its last part.
 */
export function tidyMessage(message: string): string {
  return message
    .slice(0, MAX_MESSAGE_CHARS)
    .replace(/^Load model from .+? failed: ?|^OrtSessionOptionsAppendExecutionProvider_\w+: /, "")
    .replaceAll(
      /(?:[A-Z]:)?[\\/][^\s:]*onnxruntime[\\/][^\s:]+:\d+ .*?\)(?: const)?(?:::<lambda\(\)>)? (?=\S)/g,
      " ",
    )
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/\.$/, "");
}

function modelHint(words: string): string {
  if (/external data/i.test(words)) {
    return "keep the model's external data files beside it, under the names that it was exported with";
  }
  if (/locale/i.test(words)) {
    return "the model compares texts by a locale that this machine lacks: install it, or export the model with another";
  }
  if (/opset|no op registered|not a registered function/i.test(words)) {
    return "export the model again for an operator set that ONNX Runtime supports, without custom operators";
  }
  if (/protobuf parsing failed|does not have a graph/i.test(words)) {
    return "check that this is an ONNX file and that it was copied whole";
  }
  return "check the model with onnx.checker, or export it again";
}
