import { describe, expect, test } from "vitest";
import { findModel } from "../../../../../coordinator/plan/folder/find-model.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";

const FOLDER = parseLocation("/m");
const find = (names: readonly string[], requested?: string) => findModel(FOLDER, names, requested);

describe("the ONNX file of a model's folder", () => {
  test.each([
    [["config.json", "model.onnx", "model.onnx_data"], "model.onnx"],
    [["model.onnx", "model_int8.onnx", "onnx/model.onnx"], "model.onnx"],
    [["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx"], "onnx/model.onnx"],
    [["other.onnx", "onnx/model.onnx"], "onnx/model.onnx"],
    [["onnx/model_quantized.onnx", "model.safetensors"], "onnx/model_quantized.onnx"],
    [["anything.onnx"], "anything.onnx"],
  ])("from %j, %s is chosen", (names, file) => {
    expect(find(names)).toBe(file);
  });

  test("the file that the job names is chosen, whatever other files there are", () => {
    expect(find(["model.onnx", "onnx/model_int8.onnx"], "onnx/model_int8.onnx")).toBe("onnx/model_int8.onnx");
  });

  test("several candidates are an error that names all of them", () => {
    expect(() => find(["decoder_model.onnx", "encoder_model.onnx"])).toThrow(
      expect.objectContaining({
        code: "MODEL_INVALID",
        hint: "say which with `model.file`: `decoder_model.onnx`, `encoder_model.onnx`",
      }),
    );
  });

  test("an unknown name is an error that suggests the nearest name", () => {
    expect(() => find(["onnx/model_int8.onnx"], "onnx/model_in8.onnx")).toThrow(
      expect.objectContaining({
        code: "MODEL_NOT_FOUND",
        hint: "did you mean `onnx/model_int8.onnx`?",
      }),
    );
  });

  test("weights of another library are an error that names them and suggests an export to ONNX", () => {
    expect(() => find(["config.json", "model.safetensors"])).toThrow(
      expect.objectContaining({
        code: "MODEL_NOT_FOUND",
        hint: expect.stringContaining("`model.safetensors`: export the model to ONNX"),
      }),
    );
    expect(() => find(["config.json"])).toThrow(
      expect.objectContaining({
        code: "MODEL_NOT_FOUND",
        hint: expect.stringContaining("ends in .onnx"),
      }),
    );
  });
});
