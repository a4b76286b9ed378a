import { expect, test } from "vitest";
import { lookAtFiles } from "../../../../extensions/init/sample/look-at-files.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { Storages } from "../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { imageFile, PILLOW } from "../../../support/image-files.ts";
import { needs } from "../../../support/needs.ts";
import { soundFile, wavFile } from "../../../support/sound-files.ts";

const FOLDERS = ["/jobs", "/data"].map(parseLocation);

async function seen(cells: readonly unknown[], files: Readonly<Record<string, Uint8Array>> = {}) {
  const storage = new MemoryStorage();
  for (const [name, bytes] of Object.entries(files))
    await storage.put(parseLocation(name), sourceOfBytes(bytes), { signal: NEVER });
  await using storages = new Storages({ file: async () => storage });
  return await lookAtFiles(cells, { storages, folders: FOLDERS, signal: new AbortController().signal });
}

needs("sound").each(["s16.wav", "s24.flac", "mono.mp3", "mono.ogg", "mono.opus"])(
  "a sound is recognized by its bytes: %s",
  async (name) => {
    const rates = [name === "mono.opus" ? 48_000 : 16_000];
    expect(await seen([soundFile(name)])).toEqual({ what: "sounds", opened: true, folder: null, rates });
  },
);

needs("image").each(Object.keys(PILLOW.means))("an image is recognized by its bytes: %s", async (name) => {
  const images = { what: "images", opened: true, folder: null, rates: [] };
  expect(await seen([imageFile(name)])).toEqual(images);
});

test.each([
  [[Buffer.from("no file of these kinds"), Buffer.alloc(0)]],
  [["a text", "", "x".repeat(9000), "notes.txt"]],
  [[Buffer.from("one"), Buffer.from("two"), soundFile("s16.wav")]],
  [[]],
])("a column of mostly other values is neither sounds nor images: case %#", async (cells) => {
  expect(await seen(cells)).toBeNull();
});

needs("sound")("sample rates are ordered by the number of sounds", async () => {
  const cells = [8000, 44_100, 44_100].map((rate) => wavFile([0, 0.5, 0], { rate }));
  expect((await seen(cells))?.rates).toEqual([44_100, 8000]);
});

needs("sound", "image")(
  "a path is resolved from the folder of the job file, then from the folder of the data",
  async () => {
    const wav = wavFile([0, 0.5], { rate: 8000 });
    const sounds = { what: "sounds", opened: true, rates: [8000] };
    const [jobs, data] = FOLDERS;
    expect(await seen(["a/1.wav"], { "/jobs/a/1.wav": wav })).toEqual({ ...sounds, folder: jobs });
    expect(await seen(["a/1.wav"], { "/data/a/1.wav": wav })).toEqual({ ...sounds, folder: data });
    expect(await seen(["/x/1.WAV"], { "/x/1.WAV": wav })).toEqual({ ...sounds, folder: null });
  },
);

needs("sound", "image")("a missing file or a web address is classified by its name only", async () => {
  const named = { opened: false, folder: null, rates: [] };
  expect(await seen(["gone.flac"])).toEqual({ what: "sounds", ...named });
  const address = "https://example.org/a.jpeg?size=1";
  expect(await seen([address])).toEqual({ what: "images", ...named });
});

needs("sound", "image")("a file with a misleading name is classified by its bytes", async () => {
  const files = { "/jobs/a.wav": imageFile("rgb.png") };
  expect((await seen(["a.wav"], files))?.what).toBe("images");
});
