import { writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { withTempFolder } from "../../../../shared/core/temp-folder.ts";
import { readMetadata } from "../../../../shared/onnx/model-metadata.ts";
import { identityModel, withMetadata } from "../../../support/onnx-model.ts";

const MODEL = identityModel({ dtype: "float32", dims: ["n", 3] });

const metadataOf = (bytes: Uint8Array) =>
  withTempFolder("metadata", async (folder) => {
    const file = path.join(folder, "model.onnx");
    await writeFile(file, bytes);
    return await readMetadata(file);
  });

test("metadata are those that ONNX's own library wrote", async () => {
  const characters = Array.from({ length: 18_000 }, (_, index) => String.fromCodePoint(0x4e00 + index));
  const entries = { character: characters.join("\n"), author: "", ["__proto__"]: "é" };
  expect(Object.entries(await metadataOf(withMetadata(MODEL, entries)))).toEqual(Object.entries(entries));
  expect(await metadataOf(MODEL)).toEqual({});
});

test("a text beyond the limit is skipped, and the others are read", async () => {
  const found = await metadataOf(withMetadata(MODEL, { long: "x".repeat(300_000), short: "y" }));
  expect(found).toEqual({ short: "y" });
});

test("a damaged file has no metadata", async () => {
  const bytes = withMetadata(MODEL, { a: "b" });
  expect(await metadataOf(bytes.subarray(0, -1))).toEqual({});
  expect(await metadataOf(new TextEncoder().encode("no model"))).toEqual({});
});
