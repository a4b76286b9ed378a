import { describe, expect, test } from "vitest";
import { withFolderLabels, withFolderPooling } from "../../../../../coordinator/plan/bind/folder-defaults.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import type { OutputSpec } from "../../../../../shared/domain/map-spec.ts";
import type { FolderDoubt, ModelFolder } from "../../../../../shared/domain/model-folder.ts";
import type { SpecProblem } from "../../../../../shared/job-file/issue-problems.ts";

const DOUBT: FolderDoubt = {
  about: "labels",
  where: "config.json: id2label",
  what: "has a hole",
  found: "{}",
};

function aFolder(labels: readonly string[] | null, doubts: readonly FolderDoubt[] = []): ModelFolder {
  const facts = {
    architecture: null,
    labels,
    multiLabel: false,
    tokenizer: null,
    image: null,
    sound: null,
    pooling: null,
  };
  return { path: parseLocation("/m"), file: "model.onnx", otherFiles: [], read: [], facts, doubts };
}

function fill(spec: OutputSpec, classes: number, folder: ModelFolder | null) {
  const problems: SpecProblem[] = [];
  const path = ["map", "outputs", "y"];
  return { spec: withFolderLabels({ spec, path }, classes, folder, problems), problems };
}

describe("labels that an output leaves to the model's folder", () => {
  test.each([{ op: "argmax" }, { op: "topK", k: 2 }] as const)(
    "are the folder's where it has as many classes: %j",
    (spec) => {
      expect(fill(spec, 3, aFolder(["a", "b", "c"]))).toEqual({
        spec: { ...spec, labels: ["a", "b", "c"] },
        problems: [],
      });
      expect(fill(spec, 4, aFolder(["a", "b", "c"]))).toEqual({ spec, problems: [] });
      expect(fill(spec, 3, aFolder(null))).toEqual({ spec, problems: [] });
      expect(fill(spec, 3, null)).toEqual({ spec, problems: [] });
    },
  );

  test("stay the job's own, and ops without labels get none", () => {
    const own: OutputSpec = { op: "argmax", labels: ["x", "y", "z"] };
    expect(fill(own, 3, aFolder(["a", "b", "c"])).spec).toBe(own);
    expect(fill(own, 3, aFolder(null, [DOUBT])).problems).toEqual([]);
    expect(fill({ op: "softmax" }, 3, aFolder(["a", "b", "c"])).spec).toEqual({ op: "softmax" });
    expect(fill({ op: "softmax" }, 3, aFolder(null, [DOUBT])).problems).toEqual([]);
  });

  test("that the folder contradicts itself about are a problem of the output", () => {
    const doubts = [{ ...DOUBT, about: "image" as const }, DOUBT];
    expect(fill({ op: "argmax" }, 3, aFolder(null, doubts)).problems).toMatchObject([
      {
        path: ["map", "outputs", "y", "op"],
        what: expect.stringContaining("config.json: id2label has a hole"),
      },
    ]);
  });
});

describe("a pooling that an output leaves to the model's folder", () => {
  const path = ["map", "outputs", "y"];
  const says = {
    ...aFolder(null),
    facts: { ...aFolder(null).facts, pooling: { pool: "cls", normalize: true } },
  } as const;

  test.each<[OutputSpec, OutputSpec]>([
    [{ op: "pool" }, { op: "pool", pool: "cls", normalize: true }],
    [
      { op: "pool", normalize: false, as: "int8" },
      { op: "pool", pool: "cls", normalize: false, as: "int8" },
    ],
    [
      { op: "pool", pool: "mean" },
      { op: "pool", pool: "mean" },
    ],
    [{ op: "raw" }, { op: "raw" }],
  ])("of %j makes %j", (spec, filled) => {
    const problems: SpecProblem[] = [];
    expect(withFolderPooling({ spec, path }, says, problems)).toEqual(filled);
    expect(withFolderPooling({ spec, path }, aFolder(null), problems)).toEqual(spec);
    expect(problems).toEqual([]);
  });

  test("that the folder contradicts itself about is a problem of the output", () => {
    const problems: SpecProblem[] = [];
    const doubts = [{ ...DOUBT, about: "pooling" as const }];
    withFolderPooling({ spec: { op: "pool" }, path }, aFolder(null, doubts), problems);
    expect(problems).toMatchObject([{ path: [...path, "op"], expected: "`pool` here" }]);
  });
});
