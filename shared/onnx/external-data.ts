import { open } from "node:fs/promises";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { ProtobufFault, ProtobufStream } from "./protobuf-stream.ts";

/** Tensor whose values are in another file, by the file name in the model. */
export interface ExternalTensor {
  readonly tensor: string;
  readonly location: string;
}

/**
 * Messages of onnx.proto that can contain a tensor, by field number. Source:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
const MESSAGES = {
  model: { 7: "graph", 20: "training", 25: "function" },
  training: { 1: "graph", 2: "graph" },
  function: { 7: "node", 11: "attribute" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: { 8: "name", 13: "entry" },
  entry: { 1: "key", 2: "value" },
} as const satisfies Record<string, Record<number, string>>;
type MessageKind = keyof typeof MESSAGES;

/** Limit of nesting: protobuf's own, which ONNX Runtime also applies. */
const NESTING_LIMIT = 100;

/** Limit of a text: Linux's longest path. Names of tensors are cut to it. */
const TEXT_BYTES = 4_096;

/** Limit of external files. A model has one, or one a tensor: the largest have tens of thousands. */
const LOCATION_LIMIT = 100_000;

/** Magic bytes `ORTM` at byte 4: ONNX Runtime's own format, which keeps all of its data inside. */
const ORT_MAGIC = 0x4d54524f;

/** Key of the entry that names an external file. */
const LOCATION_KEY = "location";

/**
 * Checks a model's chunks, in order, for names of other files: such a model contains the key's bytes. Most
 * models do not, and need no process that walks them.
 */
export class ExternalDataScan {
  mayHave = false;
  #end: Buffer = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const across = Buffer.concat([this.#end, bytes.subarray(0, LOCATION_KEY.length - 1)]);
    this.mayHave ||= across.includes(LOCATION_KEY) || bytes.includes(LOCATION_KEY);
    // Copied, because the chunk belongs to its reader. A short chunk keeps earlier bytes.
    const kept = bytes.length < LOCATION_KEY.length ? across : bytes;
    this.#end = Buffer.from(kept.subarray(-(LOCATION_KEY.length - 1)));
  }
}

/**
 * Lists the other files of a model's tensors: each location once, with the first tensor that names it. Walks
 * the file without reading weights, in constant memory. Counts every entry, even if its tensor does not
 * declare it as used. Protobuf lets a message arrive in pieces, so a later piece could change that.
 *
 * @throws {MODEL_INVALID} when the file is no protobuf, is nested too deep, or names too many files
 */
export async function readExternalTensors(path: string): Promise<ExternalTensor[]> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(8);
    const { bytesRead } = await file.read(head, 0, 8, 0);
    if (bytesRead === 8 && head.readUInt32LE(4) === ORT_MAGIC) return [];
    const found = new Map<string, string>();
    await walk({ stream: new ProtobufStream(file, size), found }, "model", size, 0);
    return [...found].map(([location, tensor]) => ({ tensor, location }));
  } catch (error) {
    if (!(error instanceof ProtobufFault)) throw error;
    throw new ShardmillError(
      "MODEL_INVALID",
      `the model cannot be loaded, it is not a whole ONNX file: ${messageOf(error)}`,
      {
        fields: { path },
        hint: "check that this is an ONNX file and that it was copied whole",
        cause: error,
      },
    );
  } finally {
    await file.close();
  }
}

interface Walk {
  readonly stream: ProtobufStream;
  readonly found: Map<string, string>;
}

/** Walks one message, up to `end`. @returns its names and locations */
async function walk({ stream, found }: Walk, kind: MessageKind, end: number, depth: number): Promise<Texts> {
  if (depth > NESTING_LIMIT) throw new ProtobufFault(`it is nested more than ${NESTING_LIMIT} deep`);
  const fields: Readonly<Record<number, string>> = MESSAGES[kind];
  const texts: Texts = { name: "", key: "", value: "", locations: [] };
  while (stream.position < end) {
    const { field, bytes } = await stream.next(end);
    const inner = fields[field];
    if (inner === undefined || bytes === null) {
      stream.skip(bytes ?? 0);
    } else if (inner === "name" || inner === "key" || inner === "value") {
      texts[inner] = await stream.text(bytes, TEXT_BYTES);
    } else if (isMessageKind(inner)) {
      const held = await walk({ stream, found }, inner, stream.position + bytes, depth + 1);
      if (inner === "entry" && held.key === LOCATION_KEY) texts.locations.push(held.value);
    }
  }
  for (const location of texts.locations) if (!found.has(location)) found.set(location, texts.name);
  if (found.size > LOCATION_LIMIT) {
    throw new ProtobufFault(`it names more than ${LOCATION_LIMIT} files of external data`);
  }
  return texts;
}

interface Texts {
  name: string;
  key: string;
  value: string;
  readonly locations: string[];
}

function isMessageKind(kind: string): kind is MessageKind {
  return kind in MESSAGES;
}
