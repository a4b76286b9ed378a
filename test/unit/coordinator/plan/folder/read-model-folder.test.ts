import { describe, expect, test } from "vitest";
import { modelPathOf, readModelFolder } from "../../../../../coordinator/plan/folder/read-model-folder.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { below, parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import { needs } from "../../../../support/needs.ts";

const FOLDER = parseLocation("s3://models/bert");
const never = new AbortController().signal;

async function read(files: Readonly<Record<string, string>>, file?: string, path: string = FOLDER) {
  const storage = new MemoryStorage();
  for (const [name, text] of Object.entries(files)) {
    await storage.put(below(FOLDER, name), sourceOfBytes(text), { signal: NEVER });
  }
  const place = { path, ...(file === undefined ? {} : { file }) };
  return await readModelFolder(place, { openers: { s3: async () => storage }, signal: never });
}

const CONFIG = JSON.stringify({ architectures: ["BertModel"], id2label: { 0: "no", 1: "yes" } });
const FILES = {
  "config.json": CONFIG,
  "onnx/model.onnx": "a model",
  "onnx/model_int8.onnx": "another",
  "onnx/deep/model_int4.onnx": "a third",
  "onnx/model.onnx_data": "weights",
  "tokenizer.json": "{}",
  "README.md": "words",
};

describe("the folder of a model", () => {
  needs("text")(
    "a folder has its chosen model, the other models, the files that were read, and their facts",
    async () => {
      const folder = await read(FILES);
      expect(folder).toMatchObject({
        path: FOLDER,
        file: "onnx/model.onnx",
        otherFiles: ["onnx/model_int8.onnx"],
        read: ["config.json", "tokenizer.json"],
        facts: {
          architecture: "BertModel",
          labels: ["no", "yes"],
          features: { tokenizer: { file: "tokenizer.json" } },
        },
        doubts: [],
      });
      expect(modelPathOf({ path: FOLDER }, folder)).toBe(`${FOLDER}/onnx/model.onnx`);
    },
  );

  test("the model that the job names is chosen, also in a deeper folder", async () => {
    expect((await read(FILES, "onnx/model_int8.onnx"))?.file).toBe("onnx/model_int8.onnx");
    expect((await read(FILES, "onnx/deep/model_int4.onnx"))?.file).toBe("onnx/deep/model_int4.onnx");
    await expect(read(FILES, "onnx/model_int9.onnx")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    await expect(read(FILES, "../other/model.onnx")).rejects.toMatchObject({ code: "MODEL_INVALID" });
  });

  test("the folder is null for a file and for a missing path", async () => {
    expect(await read(FILES, undefined, `${FOLDER}/onnx/model.onnx`)).toBeNull();
    expect(await read(FILES, undefined, `${FOLDER}/nothing`)).toBeNull();
    await expect(read(FILES, "model.onnx", `${FOLDER}/onnx/model.onnx`)).rejects.toMatchObject({
      code: "MODEL_INVALID",
    });
  });

  test("a folder with invalid files is refused, with all of these files named at once", async () => {
    await expect(read({ ...FILES, "config.json": "{", "modules.json": "7" })).rejects.toMatchObject({
      code: "MODEL_INVALID",
      problems: [{ where: "config.json" }, { where: "modules.json" }],
    });
    await expect(read({ ...FILES, "config.json": " ".repeat(9 << 20) })).rejects.toMatchObject({
      code: "MODEL_INVALID",
      problems: [{ where: "config.json", what: "the file is too big for settings" }],
    });
  });
});
