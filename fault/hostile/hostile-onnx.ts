import { mlpModel } from "../../test/support/onnx-model.ts";
import type { Dice } from "./dice.ts";
import { type HostileFile, mutate } from "./mutate.ts";
import { content, message, number } from "./protobuf.ts";

/** Model of a job whose rows are one float. */
export const GOOD_MODEL = mlpModel({ inputs: 1, hidden: 4, outputs: 3 });

const FLOAT = 1;
const EXTERNAL = 1;

interface LyingTensor {
  readonly dims: readonly (bigint | number)[];
  readonly raw?: Buffer;
  readonly location?: string;
}

/** Builds a graph: `input` float [batch, 1] -> Add of a constant `w` -> `logits`. */
function model(tensor: Buffer, node = addNode()): Buffer {
  const shape = (...dims: readonly Buffer[]) => message(2, ...dims.map((dim) => message(1, dim)));
  const value = (name: string, dims: Buffer) =>
    Buffer.concat([content(1, name), message(2, message(1, number(1, FLOAT), dims))]);
  const dims = shape(content(2, "batch"), number(1, 1));
  const graph = Buffer.concat([
    node,
    content(2, "graph"),
    tensor,
    content(11, value("input", dims)),
    content(12, value("logits", dims)),
  ]);
  return Buffer.concat([number(1, 8), content(7, graph), message(8, content(1, ""), number(2, 13))]);
}

function addNode(): Buffer {
  return message(1, content(1, "input"), content(1, "w"), content(2, "logits"), content(4, "Add"));
}

function tensor({ dims, raw, location }: LyingTensor, field = 5): Buffer {
  const data = raw === undefined ? [] : [content(9, raw)];
  const external =
    location === undefined
      ? []
      : [message(13, content(1, "location"), content(2, location)), number(14, EXTERNAL)];
  return message(
    field,
    ...dims.map((dim) => number(1, dim)),
    number(2, FLOAT),
    content(8, "w"),
    ...data,
    ...external,
  );
}

const ONE = Buffer.from(Float32Array.of(1).buffer);

/** Builds nested operators: each branch contains an operator with a branch. */
function nestedIf(depth: number): Buffer {
  let inner: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1) {
    const branch = message(5, content(1, "then_branch"), message(6, inner), number(20, 5));
    inner = message(1, content(1, "c"), content(2, `y${level}`), content(4, "If"), branch);
  }
  return inner;
}

/** Builds a sparse tensor that claims a dense side length of a billion, with a single value. */
function sparseBomb(side: number): Buffer {
  const values = message(1, number(1, 1), number(2, FLOAT), content(8, "w"), content(9, ONE));
  const place = Buffer.from(BigInt64Array.of(0n).buffer);
  const indices = message(2, number(1, 1), number(2, 7), content(9, place));
  return message(15, values, indices, number(3, side), number(3, side));
}

/** Builds a constant that the graph itself makes large. */
function constantOfShape(...dims: readonly bigint[]): Buffer {
  const shape = message(
    5,
    number(1, dims.length),
    number(2, 7),
    content(8, "s"),
    content(9, Buffer.from(BigInt64Array.from(dims).buffer)),
  );
  return Buffer.concat([
    shape,
    message(1, content(1, "s"), content(2, "w"), content(4, "ConstantOfShape")),
    addNode(),
  ]);
}

const OUTSIDE_LOCATIONS = [
  "../secret.bin",
  "a/../../secret.bin",
  "/etc/hostname",
  "//etc/hostname",
  "..",
  "link.bin",
  "",
  ".",
  "C:\\secret.bin",
  "..\\secret.bin",
  "none.bin",
  "a\0b",
  "*/_ORT_MEM_ADDR_/*",
  "x".repeat(10_000),
] as const;

const LIES: readonly (() => HostileFile)[] = [
  lie("a valid model", () => model(tensor({ dims: [1], raw: ONE }))),
  lie("a tensor of 2^40 floats in four bytes", () => model(tensor({ dims: [2n ** 40n], raw: ONE }))),
  lie("a tensor of 2^40 floats without data", () => model(tensor({ dims: [2n ** 40n] }))),
  lie("a tensor of 2^31 x 2^31", () => model(tensor({ dims: [2n ** 31n, 2n ** 31n], raw: ONE }))),
  lie("a tensor of 2^63 floats", () => model(tensor({ dims: [2n ** 63n - 1n], raw: ONE }))),
  lie("a tensor of -1 floats", () => model(tensor({ dims: [-1], raw: ONE }))),
  lie("a tensor of ten thousand dimensions", () => model(tensor({ dims: Array(10_000).fill(1), raw: ONE }))),
  lie("a sparse tensor of 2^15 x 2^15", () => model(sparseBomb(2 ** 15))),
  lie("a sparse tensor of 2^20 x 2^20", () => model(sparseBomb(2 ** 20))),
  lie("a sparse tensor of 2^40 x 2^40", () => model(sparseBomb(2 ** 40))),
  lie("a constant of 2^32 floats", () => model(Buffer.alloc(0), constantOfShape(2n ** 32n))),
  lie("a constant of 2^62 floats", () => model(Buffer.alloc(0), constantOfShape(2n ** 31n, 2n ** 31n))),
  lie("half a million tensors", () => manyTensors(500_000)),
  ...[10, 90, 200, 3_000].map((depth) =>
    lie(`branches ${depth} deep`, () => model(tensor({ dims: [1], raw: ONE }), nestedIf(depth))),
  ),
  lie("a graph with a claimed length of 2^31 bytes", () => content(7, "graph", 2 ** 31)),
  lie("a name of 2^60 bytes", () => message(7, content(2, "g", 2 ** 52))),
  lie("no graph", () => number(1, 8)),
  lie("nothing", () => Buffer.alloc(0)),
  lie("groups", () => Buffer.alloc(64, 0x0b)),
  lie("only ones", () => Buffer.alloc(4_096, 0xff)),
  lie("an unknown operator", () => model(tensor({ dims: [1], raw: ONE }), node("Explode"))),
  lie("an operator that reads itself", () => model(tensor({ dims: [1], raw: ONE }), loopNode())),
  ...OUTSIDE_LOCATIONS.map((location) =>
    lie(`external data at ${JSON.stringify(location.slice(0, 40))}`, () =>
      model(tensor({ dims: [1], location })),
    ),
  ),
  lie("external data outside, in an attribute", () =>
    model(
      Buffer.alloc(0),
      Buffer.concat([
        message(
          1,
          content(2, "w"),
          content(4, "Constant"),
          message(5, content(1, "value"), tensor({ dims: [1], location: "../secret.bin" }), number(20, 4)),
        ),
        addNode(),
      ]),
    ),
  ),
];

function node(op: string): Buffer {
  return message(1, content(1, "input"), content(1, "w"), content(2, "logits"), content(4, op));
}

function loopNode(): Buffer {
  return message(1, content(1, "logits"), content(1, "w"), content(2, "logits"), content(4, "Add"));
}

function manyTensors(count: number): Buffer {
  const one = tensor({ dims: [1], raw: ONE });
  return model(Buffer.concat(Array.from({ length: count }, () => one)));
}

/** Makes a file only when it is tried, because some are large. */
function lie(what: string, make: () => Uint8Array): () => HostileFile {
  return () => ({ what, bytes: make() });
}

export const ONNX_LIES = LIES.length;

export function hostileOnnx(index: number, dice: Dice): HostileFile {
  return LIES[index]?.() ?? mutate(dice.pick([GOOD_MODEL, model(tensor({ dims: [1], raw: ONE }))]), dice);
}
