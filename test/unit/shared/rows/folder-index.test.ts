import { expect, test } from "vitest";
import { folderIndexText, parseFolderIndex } from "../../../../shared/rows/folder-index.ts";

const GOOD = [
  { name: "day=2026-01-01/code=", rows: 1, bytes: 0 },
  { name: "day=2026-01-01/code=%2F..", rows: 7, bytes: 90 },
  { name: "é=\u{1F600}/x=~", rows: 2, bytes: 3 },
];

test("a list of folders is read as it was written", () => {
  expect(parseFolderIndex(folderIndexText(GOOD), "p")).toEqual(GOOD);
  expect(parseFolderIndex(folderIndexText([]), "p")).toEqual([]);
});

test.each([
  ["no JSON", "[{"],
  ["no list", "{}"],
  ["no object", "[1]"],
  ["no name", '[{"rows":1,"bytes":1}]'],
  ["no rows", '[{"name":"a=1","rows":0,"bytes":1}]'],
  ["half a row", '[{"name":"a=1","rows":1.5,"bytes":1}]'],
  ["negative bytes", '[{"name":"a=1","rows":1,"bytes":-1}]'],
  ["a folder twice", '[{"name":"a=1","rows":1,"bytes":1},{"name":"a=1","rows":1,"bytes":1}]'],
  ["folders in another order", '[{"name":"a=2","rows":1,"bytes":1},{"name":"a=1","rows":1,"bytes":1}]'],
  ...["..", "../a=1", "a=1/..", "/a=1", "a=1//b=2", "a=1/", "", "a", "a=1=2", "a=\\", "a=\u0000"].map(
    (name) => [`the name ${JSON.stringify(name)}`, JSON.stringify([{ name, rows: 1, bytes: 1 }])],
  ),
])("a list with %s is corrupt", (_what, text) => {
  expect(() => parseFolderIndex(text ?? "", "folders.json")).toThrow("folders.json is corrupt");
});
