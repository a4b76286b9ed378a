import { describe, expect, it } from "vitest";
import type { FieldType } from "../../../../shared/domain/dataset.ts";
import { fileInCell, holdsFiles } from "../../../../shared/domain/file-cells.ts";
import { classNamesOf, commonClassNames } from "../../../../shared/domain/hugging-face.ts";

function structOf(fields: Readonly<Record<string, FieldType>>): FieldType {
  return {
    kind: "struct",
    fields: Object.entries(fields).map(([name, type]) => ({ name, type, nullable: true })),
  };
}

const binary = { kind: "binary" } as const;
const text = { kind: "string" } as const;

describe("structs of bytes and path", () => {
  it("hold files, in any order of their fields", () => {
    expect(holdsFiles(structOf({ bytes: binary, path: text }))).toBe(true);
    expect(holdsFiles(structOf({ path: text, bytes: binary }))).toBe(true);
  });

  it("with other fields or types hold none", () => {
    expect(holdsFiles(structOf({ bytes: binary }))).toBe(false);
    expect(holdsFiles(structOf({ bytes: text, path: text }))).toBe(false);
    expect(holdsFiles(structOf({ bytes: binary, path: binary }))).toBe(false);
    expect(holdsFiles(structOf({ bytes: binary, name: text }))).toBe(false);
    expect(holdsFiles(structOf({ bytes: binary, path: text, rate: text }))).toBe(false);
  });

  it("give their bytes, or else their path", () => {
    const bytes = Uint8Array.of(1);
    expect(fileInCell({ bytes, path: "a.png" })).toBe(bytes);
    expect(fileInCell({ bytes, path: null })).toBe(bytes);
    expect(fileInCell({ bytes: null, path: "a.png" })).toBe("a.png");
    expect(fileInCell({ bytes: null, path: null })).toBeNull();
    expect(fileInCell(bytes)).toBe(bytes);
    expect(fileInCell("a.png")).toBe("a.png");
    expect(fileInCell(null)).toBeNull();
  });
});

describe("names of classes", () => {
  const of = (features: unknown) =>
    classNamesOf(new Map([["huggingface", JSON.stringify({ info: { features } })]]));

  it("come from the features of the type ClassLabel", () => {
    const label = { names: ["cat", "dog"], _type: "ClassLabel" };
    expect(of({ image: { _type: "Image" }, label, size: { dtype: "int32", _type: "Value" } })).toEqual({
      label: ["cat", "dog"],
    });
  });

  it("come from lists of that type, at any depth and of all versions", () => {
    const label = { names: ["cat", "dog"], _type: "ClassLabel" };
    const inList = (_type: string, feature: unknown) => ({ feature, length: -1, _type });
    const tags = [
      ...["List", "LargeList", "Sequence"].map((type) => inList(type, label)),
      [label],
      inList("List", inList("Sequence", [label])),
    ];
    for (const feature of tags) expect(of({ tags: feature })).toEqual({ tags: ["cat", "dog"] });
    const others = [inList("Other", label), [label, label], [], inList("List", null), { a: label }];
    for (const feature of others) expect(of({ tags: feature })).toEqual({});
  });

  it("are missing where the metadata has another form", () => {
    expect(classNamesOf(new Map())).toEqual({});
    for (const json of ["", "{", "null", "[]", '{"info":[]}', '{"info":{"features":7}}'])
      expect(classNamesOf(new Map([["huggingface", json]]))).toEqual({});
    for (const names of [null, [], "cat", [1], { 0: "cat" }])
      expect(of({ label: { names, _type: "ClassLabel" } })).toEqual({});
    expect(of({ label: { names: ["cat"], _type: "Value" } })).toEqual({});
  });

  it("are common if every file gives the same ones in the same order", () => {
    const file = { label: ["a", "b"], kind: ["x"] };
    expect(commonClassNames([file, { ...file }])).toEqual(file);
    expect(commonClassNames([file, { label: ["b", "a"], kind: ["x"] }])).toEqual({ kind: ["x"] });
    expect(commonClassNames([file, {}])).toEqual({});
    expect(commonClassNames([])).toEqual({});
  });
});
