import { describe, expect, test } from "vitest";
import { aTensor, bind, list, type MapParts, numeric } from "./bind-fixtures.ts";

const IDS = list(numeric("int64"));
const ids = (name: string, dims: readonly (number | string)[]) => aTensor(name, ["batch", ...dims], "int64");

describe("sequences of different lengths", () => {
  const two = { inputs: [ids("a", ["s"]), ids("c", ["t"])], outputs: [aTensor("y", ["batch", "t"])] };
  const shapesOf = (map: MapParts, model: typeof two, fields: Parameters<typeof bind>[1]) =>
    bind(map, fields, model).inputs.map(({ rowShape }) => rowShape);

  test("each named dimension has its own sequence, and an output follows that of its name", () => {
    const plan = bind({}, { a: IDS, c: IDS }, two);
    expect(plan.inputs.map(({ rowShape }) => rowShape)).toEqual([
      { kind: "unpadded", sequence: 0 },
      { kind: "unpadded", sequence: 1 },
    ]);
    expect(plan.outputs[0]).toMatchObject({ rowDims: [], sequence: 1 });
  });

  test("an input is padded on its own if the job sets `pad` for it", () => {
    expect(shapesOf({ inputs: { c: { pad: 7 } } }, two, { a: IDS, c: IDS })).toEqual([
      { kind: "unpadded", sequence: 0 },
      { kind: "padded", pad: 7, sequence: 1 },
    ]);
  });

  test("a mask belongs to the sequence of its input, whatever the name of its own dimension", () => {
    const towers = {
      inputs: [ids("a", ["s"]), ids("c", ["t"]), ids("m", ["mask"]), ids("n", ["t"])],
      outputs: [aTensor("y", ["batch", "mask", 2])],
    };
    const map = { inputs: { m: { mask: "a" }, n: { mask: "c" } } };
    const plan = bind(map, { a: IDS, c: IDS }, towers);
    expect(plan.inputs.map(({ rowShape }) => rowShape)).toEqual([
      { kind: "padded", pad: 0, sequence: 0 },
      { kind: "padded", pad: 0, sequence: 1 },
      { kind: "padded", pad: 0, sequence: 0 },
      { kind: "padded", pad: 0, sequence: 1 },
    ]);
    expect(plan.outputs[0]).toMatchObject({ rowDims: [2], sequence: 0 });
  });

  test("dimensions that a mask connects are one sequence, and so are dimensions without names", () => {
    const joined = { inputs: [ids("a", ["s"]), ids("c", ["t"]), ids("m", ["t"])], outputs: two.outputs };
    const shapes = shapesOf({ inputs: { m: { mask: "a" } } }, joined, { a: IDS, c: IDS });
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1);
    const unnamed = { inputs: [ids("a", [-1]), ids("c", [-1])], outputs: [aTensor("y", ["batch"])] };
    expect(shapesOf({}, unnamed, { a: IDS, c: IDS })).toEqual([
      { kind: "unpadded", sequence: 0 },
      { kind: "unpadded", sequence: 0 },
    ]);
  });
});
