import { describe, expect, test } from "vitest";
import type { Dim, ElementType } from "../../../../../shared/domain/tensor.ts";
import { aTensor, bind, fixedList, list, type MapParts, problemsOf } from "./bind-fixtures.ts";

/** Returns a recurrent model of windows of four. */
function aModel(input: readonly Dim[], output: readonly Dim[] = input, dtype: ElementType = "float32") {
  const batch = typeof input[1] === "number" && input[0] === 1 ? 1 : "batch";
  return {
    inputs: [aTensor("x", [batch, 4]), aTensor("h", input, dtype)],
    outputs: [aTensor("y", [batch, 1]), aTensor("hn", output)],
  };
}

const given = (more: object = {}): MapParts => ({
  state: { h: { output: "hn", ...more } },
  outputs: { y: { tensor: "y" } },
});
const columns = { x: fixedList(4) };

describe("the state of a recurrent model", () => {
  test.each<[string, readonly Dim[], object, readonly number[], number]>([
    ["the dimension with the name of the batch", [2, "batch", 8], {}, [2, 8], 1],
    ["the only open dimension", [2, "", 8], {}, [2, 8], 1],
    ["the first dimension", ["batch", 8], {}, [8], 0],
    ["the dimension that the job sets", [2, "a", "b"], { batchAxis: 2, shape: [2, 5] }, [2, 5], 2],
  ])("the batch of a state is %s", (_, dims, more, rowDims, batchAxis) => {
    const { state, inputs } = bind(given(more), columns, aModel(dims));
    const rowValues = rowDims.reduce((all, dim) => all * dim, 1);
    expect(state).toEqual([{ tensor: "h", output: "hn", dtype: "float32", rowDims, rowValues, batchAxis }]);
    expect(inputs.map(({ tensor }) => tensor)).toEqual(["x"]);
  });

  test("the batch of a state is the dimension of the fixed batch size", () => {
    const model = {
      inputs: [aTensor("x", [1, 4]), aTensor("h", [2, 1, 8])],
      outputs: [aTensor("y", [1, 1]), aTensor("hn", [2, 1, 8])],
    };
    expect(bind(given(), columns, model)).toMatchObject({ fixedBatchRows: 1, state: [{ batchAxis: 1 }] });
  });

  test("a state is not an output of a job without named outputs", () => {
    const { outputs } = bind({ state: { h: { output: "hn" } } }, columns, aModel([2, "batch", 8]));
    expect(outputs.map(({ tensor }) => tensor)).toEqual(["y"]);
  });

  test("the plan of a model without states has no key `state`", () => {
    const model = { inputs: [aTensor("x", ["batch", 4])], outputs: [aTensor("y", ["batch", 1])] };
    expect(bind({}, columns, model)).not.toHaveProperty("state");
  });

  test.each([
    ["an unknown input", { state: { z: { output: "hn" } } }, aModel([2, "batch", 8]), "has no input `z`"],
    ["an unknown output", given({ output: "hm" }), aModel([2, "batch", 8]), "has no output `hm`"],
    ["another shape", given(), aModel([2, "batch", 8], [2, "batch", 9]), "is not what its input `h` takes"],
    ["another rank", given(), aModel([2, "batch", 8], ["batch", 8]), "is not what its input `h` takes"],
    [
      "values of text",
      given(),
      aModel([2, "batch"], [2, "batch"], "string"),
      "is not what its input `h` takes",
    ],
    ["an open shape", given(), aModel(["batch", "k"]), "leaves the shape of its input `h` open"],
    [
      "a batch of another size",
      given({ batchAxis: 0 }),
      aModel([2, "batch", 8]),
      "has another size in the dimension",
    ],
    ["a missing dimension", given({ batchAxis: 3 }), aModel([2, "batch", 8]), "no such dimension"],
  ])("a state with %s is refused", (_, map, model, what) => {
    expect(problemsOf(map, columns, model).map((problem) => problem.what)).toContainEqual(
      expect.stringContaining(what),
    );
  });

  test("a state is refused with rows of uneven length", () => {
    const model = {
      ...aModel([2, "batch", 8]),
      inputs: [aTensor("x", ["batch", "t"]), aTensor("h", [2, "batch", 8])],
    };
    const [problem] = problemsOf(given(), { x: list() }, model);
    expect(problem).toMatchObject({ where: "map.state", what: expect.stringContaining("uneven length") });
  });
});
