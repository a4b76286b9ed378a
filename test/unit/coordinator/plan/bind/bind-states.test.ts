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

describe("a state", () => {
  test.each<[string, readonly Dim[], object, readonly number[], number]>([
    ["the dimension that is named as the batch", [2, "batch", 8], {}, [2, 8], 1],
    ["the only one that is open", [2, "", 8], {}, [2, 8], 1],
    ["the first one", ["batch", 8], {}, [8], 0],
    ["the one that the job says", [2, "a", "b"], { batchAxis: 2, shape: [2, 5] }, [2, 5], 2],
  ])("has as its batch %s", (_, dims, more, rowDims, batchAxis) => {
    const { state, inputs } = bind(given(more), columns, aModel(dims));
    const rowValues = rowDims.reduce((all, dim) => all * dim, 1);
    expect(state).toEqual([{ tensor: "h", output: "hn", dtype: "float32", rowDims, rowValues, batchAxis }]);
    expect(inputs.map(({ tensor }) => tensor)).toEqual(["x"]);
  });

  test("has as its batch the dimension of that size where the batch is fixed", () => {
    const model = {
      inputs: [aTensor("x", [1, 4]), aTensor("h", [2, 1, 8])],
      outputs: [aTensor("y", [1, 1]), aTensor("hn", [2, 1, 8])],
    };
    expect(bind(given(), columns, model)).toMatchObject({ fixedBatchRows: 1, state: [{ batchAxis: 1 }] });
  });

  test("is no output of a job that names none", () => {
    const { outputs } = bind({ state: { h: { output: "hn" } } }, columns, aModel([2, "batch", 8]));
    expect(outputs.map(({ tensor }) => tensor)).toEqual(["y"]);
  });

  test("is left out of a map that has none", () => {
    const model = { inputs: [aTensor("x", ["batch", 4])], outputs: [aTensor("y", ["batch", 1])] };
    expect(bind({}, columns, model)).not.toHaveProperty("state");
  });

  test.each([
    ["no such input", { state: { z: { output: "hn" } } }, aModel([2, "batch", 8]), "has no input `z`"],
    ["no such output", given({ output: "hm" }), aModel([2, "batch", 8]), "has no output `hm`"],
    ["another shape", given(), aModel([2, "batch", 8], [2, "batch", 9]), "is not what its input `h` takes"],
    ["another rank", given(), aModel([2, "batch", 8], ["batch", 8]), "is not what its input `h` takes"],
    ["texts", given(), aModel([2, "batch"], [2, "batch"], "string"), "is not what its input `h` takes"],
    ["an open shape", given(), aModel(["batch", "k"]), "leaves the shape of its input `h` open"],
    [
      "a batch of another size",
      given({ batchAxis: 0 }),
      aModel([2, "batch", 8]),
      "has another size in the dimension",
    ],
    ["a dimension that is not there", given({ batchAxis: 3 }), aModel([2, "batch", 8]), "no such dimension"],
  ])("cannot be of %s", (_, map, model, what) => {
    expect(problemsOf(map, columns, model).map((problem) => problem.what)).toContainEqual(
      expect.stringContaining(what),
    );
  });

  test("does not go with rows of uneven length", () => {
    const model = {
      ...aModel([2, "batch", 8]),
      inputs: [aTensor("x", ["batch", "t"]), aTensor("h", [2, "batch", 8])],
    };
    const [problem] = problemsOf(given(), { x: list() }, model);
    expect(problem).toMatchObject({ where: "map.state", what: expect.stringContaining("uneven length") });
  });
});
