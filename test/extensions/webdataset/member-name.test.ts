import { expect, it } from "vitest";
import { splitName } from "../../../extensions/webdataset/member-name.ts";

it.each([
  ["000.jpg", "000", "jpg"],
  ["train/000.seg.PNG", "train/000", "seg.png"],
  ["./a.b/c.d/000.cls", "./a.b/c.d/000", "cls"],
  ["a b é.txt", "a b é", "txt"],
  ["x.", "x", ""],
  ["__index__.json", "__index__", "json"],
])("%s is stem %s with ending %s, as base_plus_ext of the library splits it", (name, key, ending) => {
  expect(splitName(name)).toEqual({ key, ending });
});

it.each([
  "README",
  "a/README",
  ".hidden.jpg",
  "a/._000.jpg",
  "__MACOSX/a/b.jpg",
  "__meta__/a.json",
  "a/",
  "",
])("%s belongs to no row", (name) => {
  expect(splitName(name)).toBeNull();
});
