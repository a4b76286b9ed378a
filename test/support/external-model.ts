import onnxProto from "onnx-proto";
import { type MlpSpec, mlpModel } from "./onnx-model.ts";

const { onnx } = onnxProto;

/** A model, and the only other file, which has all of its weights. */
export interface ExternalModel {
  readonly model: Uint8Array;
  /** Location of the weights, as the model names it. */
  readonly location: string;
  readonly data: Uint8Array;
}

/** Builds a perceptron like `mlpModel`, with all weights in another file. */
export function externalMlp(spec: MlpSpec): ExternalModel {
  return withExternalData(mlpModel({ ...spec, seed: 3 }));
}

/** Moves the weights of a model into another file, at offsets that the model states. */
export function withExternalData(bytes: Uint8Array): ExternalModel {
  const location = "weights/model.onnx_data";
  const model = onnx.ModelProto.decode(bytes);
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const tensor of model.graph?.initializer ?? []) {
    const { rawData, dataType } = tensor;
    if (dataType !== onnx.TensorProto.DataType.FLOAT) continue;
    if (rawData === null || rawData === undefined) throw new Error("weights are raw data");
    tensor.externalData = Object.entries({ location, offset, length: rawData.length }).map(
      ([key, value]) => ({
        key,
        value: String(value),
      }),
    );
    tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
    tensor.rawData = new Uint8Array();
    parts.push(Uint8Array.from(rawData));
    offset += rawData.length;
  }
  return { model: onnx.ModelProto.encode(model).finish(), location, data: Buffer.concat(parts) };
}
