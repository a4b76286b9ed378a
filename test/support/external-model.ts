import onnxProto from "onnx-proto";
import { type MlpSpec, mlpModel } from "./onnx-model.ts";

const { onnx } = onnxProto;

/**
 * A perceptron as `mlpModel` makes it, with every weight in one other file, at the offsets that the model
 * says.
 */
export function externalMlp(spec: MlpSpec): { model: Uint8Array; location: string; data: Uint8Array } {
  const location = "weights/model.onnx_data";
  const model = onnx.ModelProto.decode(mlpModel({ ...spec, seed: 3 }));
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const tensor of model.graph?.initializer ?? []) {
    const { rawData } = tensor;
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
