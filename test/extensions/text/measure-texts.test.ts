import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { measureTexts } from "../../../extensions/text/measure-texts.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const PLACE = parseLocation("/m/tokenizer.json");
const { texts, expected } = JSON.parse(readFileSync(join(TOKENIZERS_PATH, "expected.json"), "utf8"));

async function measured(file: string | Uint8Array, columns: Readonly<Record<string, readonly unknown[]>>) {
  const storage = new MemoryStorage();
  await storage.put(PLACE, sourceOfBytes(file), { signal: NEVER });
  await using storages = new Storages({ file: async () => storage });
  const { signal } = new AbortController();
  return await measureTexts(new Map(Object.entries(columns)), PLACE, { storages, signal });
}

test.each(["wordpiece", "bpe", "unigram"])(
  "texts and pairs have as many tokens as in the reference library: %s",
  async (name) => {
    const json = readFileSync(join(TOKENIZERS_PATH, `${name}.json`));
    const lengths = await measured(json, { body: texts, other: [...texts].reverse() });
    const [[, ones = []] = [], [, others = []] = []] = lengths?.tokens ?? [];
    const { one = 0, pair = 0 } = lengths?.special ?? {};
    const { whole, pairs } = expected[name];
    const counts = (encodings: readonly { readonly ids: readonly number[] }[]) =>
      encodings.map(({ ids }) => ids.length);
    expect(ones.map((length) => (length ?? 0) + one)).toEqual(counts(whole));
    expect(ones.map((length, row) => (length ?? 0) + (others[row] ?? 0) + pair)).toEqual(counts(pairs));
  },
);

test("a null has no length and keeps its place", async () => {
  const json = readFileSync(join(TOKENIZERS_PATH, "wordpiece.json"));
  const lengths = await measured(json, { body: [null, texts[0], null, texts[0], ""] });
  const [[, tokens = []] = []] = lengths?.tokens ?? [];
  expect([tokens[0], tokens[2], tokens[4]]).toEqual([null, null, 0]);
  expect(tokens[1]).toBe(tokens[3]);
});

test("an invalid tokenizer file gives no measurement", async () => {
  expect(await measured("{}", { body: ["a"] })).toBeNull();
  expect(await measured("no JSON", { body: ["a"] })).toBeNull();
});
