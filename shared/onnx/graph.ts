import protobuf from "protobufjs";

/** Input or output of a model. The batch is its first dimension. Names are open dimensions. */
interface ValueSpec {
  readonly name: string;
  readonly dtype: keyof typeof ELEMENT_TYPES;
  readonly dims: readonly (number | string)[];
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;
type Write = (writer: protobuf.Writer) => void;

/** Numbers of onnx.proto (TensorProto.DataType, AttributeProto.AttributeType). */
export const ELEMENT_TYPES = { float32: 1, int32: 6, int64: 7, float64: 11 } as const;
const [INT, INTS] = [2, 7];
/** First version with LayerNormalization. */
const OPSET = 17;
const IR_VERSION = 8;

/** Wire types of protobuf. */
const [VARINT, BYTES] = [0, 2];

/**
 * Model under construction. Each step returns the name of its result, which can be another's input. Encoded
 * by the numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
export class Graph {
  readonly #constants: Write[] = [];
  readonly #nodes: Write[] = [];
  readonly #random: () => number;

  /** @param seed seed of random weights: the same seed gives the same model. Default: 0 */
  constructor(seed = 0) {
    this.#random = seededRandom(seed);
  }

  step(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = `${op.toLowerCase()}${this.#nodes.length}`;
    this.#add(op, inputs, [name], attributes);
    return name;
  }

  /** Adds a step with several results, and returns their names. */
  steps(op: string, inputs: readonly string[], results: number, attributes: Attributes = {}): string[] {
    const name = `${op.toLowerCase()}${this.#nodes.length}`;
    const names = Array.from({ length: results }, (_, at) => `${name}_${at}`);
    this.#add(op, inputs, names, attributes);
    return names;
  }

  /** Names a result as a model output. */
  output(name: string, from: string): void {
    this.#add("Identity", [from], [name], {});
  }

  /** Makes random weights whose sums over `fanIn` inputs keep the scale of the inputs. */
  weights(dims: readonly number[], fanIn: number): string {
    const half = Math.sqrt(3 / fanIn);
    return this.floats(dims, () => (2 * this.#random() - 1) * half);
  }

  floats(dims: readonly number[], value: (index: number) => number): string {
    const length = dims.reduce((product, dim) => product * dim, 1);
    return this.#constant(
      "float32",
      dims,
      Float32Array.from({ length }, (_, index) => value(index)),
    );
  }

  integers(values: readonly number[]): string {
    return this.#constant("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  encode(inputs: readonly ValueSpec[], outputs: readonly ValueSpec[]): Uint8Array {
    const writer = protobuf.Writer.create();
    number(writer, 1, IR_VERSION);
    message(writer, 7, (graph) => {
      for (const node of this.#nodes) message(graph, 1, node);
      text(graph, 2, "graph");
      for (const constant of this.#constants) message(graph, 5, constant);
      for (const input of inputs) message(graph, 11, valueInfo(input));
      for (const output of outputs) message(graph, 12, valueInfo(output));
    });
    message(writer, 8, (opset) => number(opset, 2, OPSET));
    return writer.finish();
  }

  #add(op: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes): void {
    this.#nodes.push((node) => {
      for (const input of inputs) text(node, 1, input);
      for (const output of outputs) text(node, 2, output);
      text(node, 3, outputs[0] ?? op);
      text(node, 4, op);
      for (const [name, value] of Object.entries(attributes)) message(node, 5, attribute(name, value));
    });
  }

  #constant(dtype: ValueSpec["dtype"], dims: readonly number[], data: ArrayBufferView): string {
    const name = `constant${this.#constants.length}`;
    this.#constants.push((tensor) => {
      for (const dim of dims) number(tensor, 1, dim);
      number(tensor, 2, ELEMENT_TYPES[dtype]);
      text(tensor, 8, name);
      tensor.uint32((9 << 3) | BYTES).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    });
    return name;
  }
}

/**
 * Returns a generator of numbers in [0, 1) that depend only on the seed (Numerical Recipes' linear
 * congruential one).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function valueInfo({ name, dtype, dims }: ValueSpec): Write {
  return (value) => {
    text(value, 1, name);
    message(value, 2, (type) =>
      message(type, 1, (tensor) => {
        number(tensor, 1, ELEMENT_TYPES[dtype]);
        message(tensor, 2, (shape) => {
          for (const dim of dims)
            message(shape, 1, (each) =>
              typeof dim === "number" ? number(each, 1, dim) : text(each, 2, dim),
            );
        });
      }),
    );
  };
}

function attribute(name: string, value: number | readonly number[]): Write {
  return (writer) => {
    text(writer, 1, name);
    if (typeof value === "number") number(writer, 3, value);
    else for (const each of value) number(writer, 8, each);
    number(writer, 20, typeof value === "number" ? INT : INTS);
  };
}

function number(writer: protobuf.Writer, field: number, value: number): void {
  writer.uint32((field << 3) | VARINT).int64(value);
}

function text(writer: protobuf.Writer, field: number, value: string): void {
  writer.uint32((field << 3) | BYTES).string(value);
}

function message(writer: protobuf.Writer, field: number, write: Write): void {
  write(writer.uint32((field << 3) | BYTES).fork());
  writer.ldelim();
}
