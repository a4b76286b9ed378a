import { open } from "node:fs/promises";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { ProtobufFault, ProtobufStream } from "./protobuf-stream.ts";

/** A tensor whose values are in another file, as the model names that file. */
export interface ExternalTensor {
  readonly tensor: string;
  readonly location: string;
}

/**
 * The messages of onnx.proto in which a tensor can be, by field number.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
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

/** Protobuf's own limit, to which ONNX Runtime holds as well. */
const NESTING_LIMIT = 100;

/** The longest path that Linux takes; names of tensors are cut to it. */
const TEXT_BYTES = 4_096;

/** A model has one file of external data, or one a tensor: the largest have some ten thousands. */
const LOCATION_LIMIT = 100_000;

/** `ORTM`, at byte 4: ONNX Runtime's own format, which keeps all of its data inside. */
const ORT_MAGIC = 0x4d54524f;

/** The key of the entry that names such a file. */
const LOCATION_KEY = "location";

/**
 * Sees whether a model can name other files, in its chunks one after another: one that can has the key's
 * bytes somewhere. Most have not, and need no process that walks them.
 */
export class ExternalDataScan {
  mayHave = false;
  #end: Buffer = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const across = Buffer.concat([this.#end, bytes.subarray(0, LOCATION_KEY.length - 1)]);
    this.mayHave ||= across.includes(LOCATION_KEY) || bytes.includes(LOCATION_KEY);
    // Copied: the chunk is its reader's again. A short chunk leaves what was before it.
    const kept = bytes.length < LOCATION_KEY.length ? across : bytes;
    this.#end = Buffer.from(kept.subarray(-(LOCATION_KEY.length - 1)));
  }
}

/**
 * Which other files a model's tensors are in: each location once, with the first tensor that names it. Walks
 * the file without reading weights, in memory that does not grow with it. Every entry counts, whether or not
 * its tensor says that it is used: protobuf lets a message be given in pieces, so that nothing seen so far
 * would be sure.
 *
 * @throws {MODEL_INVALID} when this is no protobuf, is nested too deep, or names too many files
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

/** Walks one message, up to `end`. @returns what it holds of names and of locations */
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
