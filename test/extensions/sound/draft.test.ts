import { describe, expect, test } from "vitest";
import { parseLocation } from "../../../shared/domain/location.ts";
import { aTensor, fixedList } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { bytes, draft, inputsOf, int, text } from "../init/draft-fixtures.ts";

describe("sounds in a drafted job", () => {
  const whole = { inputs: [aTensor("input_values", ["batch", "samples"])], outputs: [] };
  const seen = { clip: {} };

  test("a column of bytes is preferred to paths, and opened files to others", () => {
    const seen = { name: { opened: false }, path: { folder: null }, sound: { folder: null } };
    const types = { name: text, path: text, sound: bytes };
    expect(inputsOf(types, { model: whole, files: seen })[0]?.[0]).toMatchObject({ column: "sound" });
    const { name, path } = seen;
    expect(inputsOf(types, { model: whole, files: { name, path } })[0]?.[0]).toMatchObject({
      column: "path",
    });
  });

  test("sounds are whole where the model takes any length, at the rate of the folder", () => {
    const parts = {
      model: whole,
      files: seen,
      folder: { features: { sound: { rate: 8000, normalize: true } } },
    };
    const drafted = draft({ id: int, clip: bytes }, parts);
    const keys = { column: "clip", sound: { rate: 8000, normalize: true } };
    expect(drafted.inputs.map((input) => [input.keys, input.questions])).toEqual([[keys, []]]);
    expect([drafted.keep, drafted.problems]).toEqual([["id"], []]);
  });

  test("sounds have the rate of the files where the folder has none, with a question", () => {
    const files = { clip: { rates: [44_100, 8000] } };
    const { inputs } = draft({ clip: bytes }, { model: whole, files });
    expect(inputs).toMatchObject([
      {
        keys: { sound: { rate: 44_100 } },
        questions: ["which rate was the model trained on? these sounds have 44100, 8000"],
      },
    ]);
  });

  test("sounds are cut to the length of the model's input, and the places of their windows are kept", () => {
    for (const dims of [
      ["batch", 400],
      ["batch", 1, 400],
      ["batch", 400, 1],
    ]) {
      const model = { inputs: [aTensor("clip", dims)], outputs: [] };
      const { inputs, keep, problems } = draft({ id: int, clip: bytes }, { model, files: seen });
      expect(inputs[0]?.keys).toEqual({ column: "clip", sound: { rate: 16_000, window: 400 } });
      expect([keep, problems]).toEqual([["id", "part", "start", "end"], []]);
    }
  });

  test("paths get the folder where their files were found, or a question where none was found", () => {
    const files = { clip: { folder: parseLocation("/data") } };
    expect(inputsOf({ clip: text }, { model: whole, files })).toEqual([
      [{ column: "clip", sound: { rate: 16_000, folder: "/data" } }, 1],
    ]);
    const lost = { clip: { opened: false, rates: [] } };
    const { inputs } = draft({ clip: text }, { model: whole, files: lost });
    expect(inputs[0]?.questions).toEqual([
      "which rate was the model trained on? no file gives it",
      expect.stringContaining("is `folder` the base of their paths?"),
    ]);
  });

  test("sounds are not drafted for a tensor of whole numbers or for a column of images", () => {
    const raw = { inputs: [aTensor("bytes", ["batch", 64], "uint8")], outputs: [] };
    expect(inputsOf({ clip: bytes }, { model: raw, files: seen })).toEqual([[{ column: "clip" }, 0]]);
    const files = { clip: { what: "images" as const } };
    expect(draft({ clip: bytes }, { model: whole, files }).problems).toHaveLength(1);
  });

  test("sounds get a mask where the model takes one", () => {
    const mask = aTensor("attention_mask", ["batch", "samples"], "int64");
    const model = { inputs: [...whole.inputs, mask], outputs: [] };
    expect(inputsOf({ clip: bytes }, { model, files: seen })[1]).toEqual([{ mask: "input_values" }, 0]);
  });
});

describe("a recurrent model in a drafted job", () => {
  const lstm = {
    inputs: [aTensor("x", ["batch", 4]), aTensor("h", [2, "batch", 8]), aTensor("c", [2, "batch", 8])],
    outputs: [aTensor("y", ["batch", 3]), aTensor("hn", [2, "batch", 8]), aTensor("cn", [2, "", 8])],
  };

  test("states come from outputs, and these outputs are not columns", () => {
    const { inputs, states, outputs, problems } = draft({ id: int, x: fixedList(4) }, { model: lstm });
    expect(inputs.map(({ keys }) => keys)).toEqual([{ column: "x" }]);
    expect(states.map(({ input, output }) => [input.name, output])).toEqual([
      ["h", "hn"],
      ["c", "cn"],
    ]);
    expect(outputs.map(({ column }) => column)).toEqual(["y"]);
    expect(problems).toEqual([]);
  });

  test("a column named like a state feeds the state", () => {
    const types = { x: fixedList(4), h: fixedList(16), c: fixedList(16) };
    const { inputs, states } = draft(types, { model: lstm });
    expect([inputs.length, states]).toEqual([3, []]);
  });

  test("a recurrent model of sounds gets windows, and the rate as a value", () => {
    const model = {
      inputs: [
        aTensor("x", ["batch", "samples"]),
        aTensor("h", [2, "batch", 8]),
        aTensor("sample_rate", [], "int64"),
      ],
      outputs: [aTensor("y", ["batch", 1]), aTensor("h_out", [2, "batch", 8])],
    };
    const { inputs, states, keep, problems } = draft({ clip: bytes }, { model, files: { clip: {} } });
    expect(inputs.map(({ keys, questions }) => [keys, questions.length])).toEqual([
      [{ column: "clip", sound: { rate: 16_000, window: 512 } }, 2],
      [{ value: 16_000 }, 0],
    ]);
    expect([states.length, keep, problems]).toEqual([1, ["part", "start", "end"], []]);
  });

  test.each([
    [[16_000], 16_000, { window: 512, context: 64 }],
    [[8000], 8000, { window: 256, context: 32 }],
    [[44_100], 16_000, { window: 512, context: 64 }],
  ])("Silero VAD gets its maker's windows for sounds at the rates %j", (rates, rate, windows) => {
    const model = {
      inputs: [aTensor("input", ["", ""]), aTensor("state", [2, "", 128]), aTensor("sr", [], "int64")],
      outputs: [aTensor("output", ["", 1]), aTensor("stateN", ["", "", ""])],
    };
    const { inputs, states, problems } = draft({ clip: bytes }, { model, files: { clip: { rates } } });
    expect(inputs.map(({ keys, questions }) => [keys, questions])).toEqual([
      [{ column: "clip", sound: { rate, ...windows } }, []],
      [{ value: rate }, []],
    ]);
    expect([states.length, problems]).toEqual([1, []]);
  });
});
