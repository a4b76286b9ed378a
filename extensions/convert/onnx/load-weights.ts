import { open } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { isInsideLocation } from "../../../shared/domain/model-location.ts";
import {
  allGraphs,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxSparseTensor,
  type OnnxTensor,
} from "./onnx-model.ts";

const EXTERNAL = 1;

/**
 * Loads the tensors that a model keeps in external files.
 *
 * @param folder folder of the model. `readModelFile` has checked the files that the model names there.
 * @throws {MODEL_INVALID} when a tensor names an unreadable file, one outside the folder, or a missing range
 */
export async function loadWeights(model: OnnxModel, folder: string): Promise<void> {
  const external = [...tensorsOf(model)].filter(({ dataLocation }) => dataLocation === EXTERNAL);
  for (const tensor of external) {
    tensor.rawData = await readExternal(tensor, folder);
    delete tensor.externalData;
    delete tensor.dataLocation;
  }
}

async function readExternal(tensor: OnnxTensor, folder: string): Promise<Uint8Array> {
  const entries = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const refuse = (what: string, cause?: unknown) =>
    new ShardmillError("MODEL_INVALID", `the model's tensor ${JSON.stringify(tensor.name ?? "")} ${what}`, {
      fields: { tensor: tensor.name ?? "", location },
      cause,
    });
  if (!isInsideLocation(location)) throw refuse("has its data outside the model's folder");
  const file = await open(join(folder, location), "r").catch((cause: unknown) => {
    throw refuse(`has external data that cannot be read: ${messageOf(cause)}`, cause);
  });
  try {
    const { size } = await file.stat();
    const start = wholeOf(entries.get("offset") ?? "0");
    const length = wholeOf(entries.get("length") ?? String(size - start));
    if (!(start >= 0 && length >= 0 && start + length <= size)) {
      throw refuse(`is at bytes ${start} to ${start + length} of a file of ${size} bytes`);
    }
    const bytes = Buffer.alloc(length);
    // One read returns at most two gigabytes.
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(length - at, 1 << 30), start + at);
      if (bytesRead === 0) throw refuse("is in a file that became shorter");
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

function wholeOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

/** Returns every tensor of the model. */
export function* tensorsOf({ graph, functions }: OnnxModel): Generator<OnnxTensor, void, undefined> {
  for (const one of graph === undefined ? [] : allGraphs(graph)) {
    yield* one.initializer;
    for (const sparse of one.sparseInitializer) yield* partsOf(sparse);
    for (const node of one.node) yield* ofNode(node);
  }
  for (const { node } of functions) for (const one of node) yield* deepOfNode(one);
}

/** Returns the tensors of a function's node, whose attributes may hold graphs. */
function* deepOfNode(node: OnnxNode): Generator<OnnxTensor, void, undefined> {
  yield* ofNode(node);
  for (const { g, graphs } of node.attribute) {
    for (const inner of [...(g ? [g] : []), ...(graphs ?? [])]) {
      yield* tensorsOf({ graph: inner, functions: [], opsetImport: [], trainingInfo: [] });
    }
  }
}

function* ofNode({ attribute }: OnnxNode): Generator<OnnxTensor, void, undefined> {
  for (const one of attribute) yield* ofAttribute(one);
}

function* ofAttribute(attribute: OnnxAttribute): Generator<OnnxTensor, void, undefined> {
  const { t, tensors, sparseTensor, sparseTensors } = attribute;
  if (t) yield t;
  yield* tensors ?? [];
  for (const sparse of [...(sparseTensor ? [sparseTensor] : []), ...(sparseTensors ?? [])])
    yield* partsOf(sparse);
}

function* partsOf({ values, indices }: OnnxSparseTensor): Generator<OnnxTensor, void, undefined> {
  if (values) yield values;
  if (indices) yield indices;
}
