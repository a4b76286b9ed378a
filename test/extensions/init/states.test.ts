import { expect, test } from "vitest";
import { findStates } from "../../../extensions/init/states.ts";
import { aTensor } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";

const SHAPE = [2, "batch", 8];

function pairsOf(inputs: readonly string[], outputs: readonly string[]) {
  const pairs = findStates({
    inputs: inputs.map((name) => aTensor(name, SHAPE)),
    outputs: outputs.map((name) => aTensor(name, SHAPE)),
  });
  return pairs.map(({ input, output }) => [input.name, output]);
}

test.each([
  ["h", "hn"],
  ["c", "cn"],
  ["h0", "hn"],
  ["c_0", "c_n"],
  ["state", "stateN"],
  ["h_in", "h_out"],
  ["lstm_hidden_input", "lstm_hidden_output"],
  ["prev_state", "next_state"],
  ["states", "new_states"],
  ["cached_key_0", "new_cached_key_0"],
  ["memory", "memory_out"],
])("a state is recognized by its names: %s becomes %s", (input, output) => {
  expect(pairsOf([input], [output])).toEqual([[input, output]]);
});

test.each([
  ["x", "x_out"],
  ["input", "output"],
  ["image", "image_out"],
  ["state", "state"],
  ["state_a", "state_b"],
  ["h", "c"],
  ["past_key", "present_key"],
])("%s and %s are not recognized as a state", (input, output) => {
  expect(pairsOf([input], [output])).toEqual([]);
});

test("each output goes into one input", () => {
  expect(pairsOf(["h", "h0"], ["hn"])).toEqual([["h", "hn"]]);
});

test("an input and an output with different types or shapes, or without row values, are no state", () => {
  const h = aTensor("h", SHAPE);
  for (const output of [
    aTensor("hn", SHAPE, "float16"),
    aTensor("hn", [2, "batch"]),
    aTensor("hn", [2, "batch", 9]),
  ])
    expect(findStates({ inputs: [h], outputs: [output] })).toEqual([]);
  const count = aTensor("state", ["batch"]);
  expect(findStates({ inputs: [count], outputs: [{ ...count, name: "stateN" }] })).toEqual([]);
});
