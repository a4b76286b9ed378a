import { expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { onlyIn, ownMapping } from "../../../../shared/core/mapping.ts";

test("the mapping of this build names each computing library with its version", () => {
  expect(ownMapping()).toMatch(/^\d+ v8@\d+\.\d+( [@\w/-]+@\d+\.\d+\.\d[\w.-]*){5,}$/);
  expect(ownMapping()).toContain(" onnxruntime-node@");
});

test("the mapping names the libraries of each extension that maps rows", () => {
  for (const library of EXTENSIONS.flatMap(({ mapsBy = [] }) => mapsBy))
    expect(ownMapping()).toContain(` ${library}@`);
});

test("the difference of two mappings is their number and the libraries with other versions", () => {
  expect(onlyIn("1 a@1 b@2", "1 a@1 b@3")).toBe("b@2");
  expect(onlyIn("1 a@1", "2 a@1")).toBe("1");
  expect(onlyIn("1 a@1", "1 a@1 b@1")).toBe("nothing else");
});
