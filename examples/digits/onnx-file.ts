import onnxProto from "onnx-proto";
import type { Layer, Network } from "./network.ts";

const { onnx } = onnxProto;

/** Opset 13 and its IR version 7 (2020), which every ONNX Runtime of recent years supports. */
const OPSET = 13;
const IR_VERSION = 7;

/**
 * Encodes the network as an ONNX file. Input: `image` float32 [N, 784], each pixel 0 to 1. Output: `logits`
 * float32 [N, 10]. N is open, so that the user can choose the batch.
 */
export function encodeOnnx({ hidden, output }: Network): Uint8Array {
  return onnx.ModelProto.encode({
    irVersion: IR_VERSION,
    opsetImport: [{ domain: "", version: OPSET }],
    producerName: "shardmill-digits-example",
    graph: {
      name: "digits",
      input: [batchOf("image", hidden.inputs)],
      output: [batchOf("logits", output.outputs)],
      initializer: [...layerTensors("hidden", hidden), ...layerTensors("output", output)],
      node: [
        { opType: "Gemm", input: ["image", "hidden.weight", "hidden.bias"], output: ["hidden.sum"] },
        { opType: "Relu", input: ["hidden.sum"], output: ["hidden"] },
        { opType: "Gemm", input: ["hidden", "output.weight", "output.bias"], output: ["logits"] },
      ],
    },
  }).finish();
}

function batchOf(name: string, width: number) {
  const dim = [{ dimParam: "N" }, { dimValue: width }];
  return { name, type: { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT, shape: { dim } } } };
}

function layerTensors(name: string, { inputs, outputs, weights, bias }: Layer) {
  return [
    floatTensor(`${name}.weight`, [inputs, outputs], weights),
    floatTensor(`${name}.bias`, [outputs], bias),
  ];
}

function floatTensor(name: string, dims: number[], values: Float32Array) {
  return { name, dims, dataType: onnx.TensorProto.DataType.FLOAT, rawData: littleEndian(values) };
}

/** Returns the bytes in the order that ONNX requires, on any machine. */
function littleEndian(values: Float32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.byteLength));
  values.forEach((value, place) => {
    bytes.setFloat32(place * Float32Array.BYTES_PER_ELEMENT, value, true);
  });
  return new Uint8Array(bytes.buffer);
}
