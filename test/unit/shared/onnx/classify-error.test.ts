import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import {
  classifyOnnxError,
  deviceUnavailable,
  type OnnxErrorContext,
  tidyMessage,
} from "../../../../shared/onnx/classify-error.ts";

// Messages of ONNX Runtime 1.30 and its libraries. test/process/onnx-session.test.ts provokes those that are
// possible on this machine.

const loadingOnCpu: OnnxErrorContext = { stage: "load", device: "cpu", modelPath: "/models/m.onnx" };
const loadingOnCuda: OnnxErrorContext = { stage: "load", device: "cuda", modelPath: "/models/m.onnx" };
const running: OnnxErrorContext = { stage: "run", device: "cuda" };

describe("an error while a model is loaded", () => {
  test.each([
    ["Load model from m.onnx failed:Protobuf parsing failed."],
    [
      "Load model from m.onnx failed:This is an invalid model. In Node, Error No Op registered for Frobnicate",
    ],
    ["External data path validation failed for initializer: c. External data path does not exist"],
    ["Unsupported data type: 16"],
  ])("%s is MODEL_INVALID with a hint and the path", (message) => {
    for (const context of [loadingOnCpu, loadingOnCuda]) {
      const error = classifyOnnxError(new Error(message), context);
      expect(error).toMatchObject({ code: "MODEL_INVALID", fields: { path: "/models/m.onnx" } });
      expect(error.hint).toBeTruthy();
    }
  });

  test.each([
    ["OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library"],
    ["no available backend found. ERR: [cuda] backend not found."],
    ["CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=n1"],
    ["CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version"],
    [
      "Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file",
    ],
    [
      "This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.",
    ],
  ])("%s is DEVICE_UNAVAILABLE with a hint about what to install", (message) => {
    const error = classifyOnnxError(new Error(message), loadingOnCuda);
    expect(error).toMatchObject({ code: "DEVICE_UNAVAILABLE", fields: { device: "cuda" } });
    expect(error.hint).toMatch(/CUDA 12.*--onnxruntime-node-install/);
  });

  test.each([
    ["CUDA failure 2: out of memory ; GPU=0"],
    ["std::bad_alloc"],
    ["bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 1073741824"],
  ])("%s is OUT_OF_MEMORY", (message) => {
    expect(classifyOnnxError(new Error(message), loadingOnCuda).code).toBe("OUT_OF_MEMORY");
  });
});

test("words in the model's path do not affect the code of the error", () => {
  const modelPath = "/jobs/cuda error hunt/failed to load library/out of memory/m.onnx";
  const cause = new Error(`Load model from ${modelPath} failed:Protobuf parsing failed.`);
  expect(classifyOnnxError(cause, { stage: "load", device: "cuda", modelPath }).code).toBe("MODEL_INVALID");
});

describe("an error while a model runs", () => {
  test.each([
    [
      "Non-zero status code returned while running Conv node. Status Message: CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED: out of memory",
    ],
    ["Failed to allocate memory for requested buffer of size 9007199254740992"],
    ["CUDA failure 2: cudaErrorMemoryAllocation"],
    [
      "CUDA failure 2: out of memory ; GPU=0 ; hostname=n1 ; file=cuda_allocator.cc ; line=42 ; expr=cudaMalloc((void**)&p, size);",
    ],
    [
      "Non-zero status code returned while running MatMul node. Name:'MatMul_0' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 8589934592",
    ],
    [
      "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:189 onnxruntime::common::Status onnxruntime::BFCArena::Extend(size_t) Available memory of 1048576 is smaller than requested bytes of 2097152",
    ],
    ["CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cudnnCreate(&cudnn_handle_);"],
    ["CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0"],
    ["CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0"],
    ["Non-zero status code returned while running Add node. Status Message: std::bad_alloc"],
    ["bad allocation"],
    ["Exception during initialization: CUDA out of memory"],
    ["DmlExecutionProvider: 8007000E Not enough memory resources are available to complete this operation."],
    ["E_OUTOFMEMORY"],
    ["[WebGPU] Uncaptured error: VK_ERROR_OUT_OF_DEVICE_MEMORY"],
    [
      "WebGPU validation failed. Buffer size (8589934592) exceeds the max buffer size limit (1073741824). - While calling [Device].CreateBuffer([BufferDescriptor])",
    ],
    [
      "WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error. - While validating entries[1] against { binding: 1, visibility: ShaderStage::Compute }",
    ],
    ["Array buffer allocation failed"],
  ])("%s is OUT_OF_MEMORY", (message) => {
    expect(classifyOnnxError(new RangeError(message), running).code).toBe("OUT_OF_MEMORY");
  });

  test.each([
    ["CUDA failure 700: an illegal memory access was encountered ; GPU=0"],
    ["CUDA failure 719: unspecified launch failure"],
    ["WebGPU device lost (1): device was lost"],
    ["DXGI_ERROR_DEVICE_REMOVED"],
  ])("%s is WORKER_LOST", (message) => {
    expect(classifyOnnxError(new Error(message), running).code).toBe("WORKER_LOST");
  });

  test.each([
    [
      "Non-zero status code returned while running Gather node. Status Message: indices element out of data bounds, idx=5",
    ],
    ["Got invalid dimensions for input: input for the following indices index: 1 Got: 7 Expected: 8"],
    ["CUDNN_STATUS_BAD_PARAM"],
  ])("%s is MODEL_FAILED", (message) => {
    expect(classifyOnnxError(new Error(message), running).code).toBe("MODEL_FAILED");
  });
});

test("a ShardmillError is returned unchanged", () => {
  const error = new ShardmillError("MODEL_INVALID", "model input words cannot be fed from columns");
  expect(classifyOnnxError(error, running)).toBe(error);
});

test("the cause is kept, and the detail of a missing device is a field", () => {
  const cause = new Error("no available backend found");
  expect(classifyOnnxError(cause, loadingOnCuda).cause).toBe(cause);
  expect(deviceUnavailable("webgpu", "no adapter")).toMatchObject({
    fields: { device: "webgpu", detail: "no adapter" },
    hint: expect.stringMatching(/^webgpu needs a GPU|^webgpu needs .*Vulkan/),
  });
});

test("the C++ location is removed from a message", () => {
  const raw =
    "Load model from /m.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:187 " +
    "onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) ModelProto does not have a graph.\n";
  expect(tidyMessage(raw)).toBe("ModelProto does not have a graph");
});
