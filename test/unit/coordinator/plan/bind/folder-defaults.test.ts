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
    features: {},
    pooling: null,
  };
  return { path: parseLocation("/m"), file: "model.onnx", otherFiles: [], read: [], facts, doubts };
}

function fill(spec: OutputSpec, classes: number, folder: ModelFolder | null) {
  const problems: SpecProblem[] = [];
  const path = ["map", "outputs", "y"];
  return { spec: withFolderLabels({ spec, path }, classes, folder, problems), problems };
}

describe("labels from the model's folder", () => {
  test.each([{ op: "argmax" }, { op: "topK", k: 2 }] as const)(
    "%j gets the folder's labels if their number is that of the classes",
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

  test("labels of the job are kept, and ops without labels get none", () => {
    const own: OutputSpec = { op: "argmax", labels: ["x", "y", "z"] };
    expect(fill(own, 3, aFolder(["a", "b", "c"])).spec).toBe(own);
    expect(fill(own, 3, aFolder(null, [DOUBT])).problems).toEqual([]);
    expect(fill({ op: "softmax" }, 3, aFolder(["a", "b", "c"])).spec).toEqual({ op: "softmax" });
    expect(fill({ op: "softmax" }, 3, aFolder(null, [DOUBT])).problems).toEqual([]);
  });

  test("contradictory labels of the folder are a problem of the output", () => {
    const doubts = [{ ...DOUBT, about: "image" as const }, DOUBT];
    expect(fill({ op: "argmax" }, 3, aFolder(null, doubts)).problems).toMatchObject([
      {
        path: ["map", "outputs", "y", "op"],
        what: expect.stringContaining("config.json: id2label has a hole"),
      },
    ]);
  });
});

describe("the pooling from the model's folder", () => {
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
    [{}, { op: "pool", pool: "cls", normalize: true }],
    [{ normalize: false }, { op: "pool", pool: "cls", normalize: false }],
  ])("for vectors of tokens, %j becomes %j", (spec, filled) => {
    const problems: SpecProblem[] = [];
    const tensor = "last_hidden_state";
    expect(withFolderPooling({ spec, path, tensor }, says, problems)).toEqual(filled);
    expect(withFolderPooling({ spec, path, tensor: "token_embeddings" }, says, problems)).toEqual(filled);
    expect(withFolderPooling({ spec, path, tensor }, aFolder(null), problems)).toEqual({
      op: "raw",
      ...spec,
    });
    expect(withFolderPooling({ spec, path, tensor }, null, problems)).toEqual({ op: "raw", ...spec });
    expect(problems).toEqual([]);
  });

  test("an output of another name gets no pooling", () => {
    expect(withFolderPooling({ spec: {}, path, tensor: "pooler_output" }, says, [])).toEqual({ op: "raw" });
  });

  test("a contradictory pooling of the folder is a problem of the output", () => {
    const problems: SpecProblem[] = [];
    const doubts = [{ ...DOUBT, about: "pooling" as const }];
    const tensor = "last_hidden_state";
    const unclear = aFolder(null, doubts);
    withFolderPooling({ spec: { op: "pool" }, path, tensor }, unclear, problems);
    withFolderPooling({ spec: {}, path, tensor }, unclear, problems);
    withFolderPooling({ spec: {}, path, tensor: "logits" }, unclear, problems);
    withFolderPooling({ spec: { op: "raw" }, path, tensor }, unclear, problems);
    expect(problems).toMatchObject([
      { path: [...path, "op"], expected: "`pool` here" },
      { path: [...path, "op"], expected: "`op: pool` with `pool`, or `op: raw`" },
    ]);
  });
});
