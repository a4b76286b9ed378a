import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SPAN_STRATEGIES, type SpanStrategy } from "../../../extensions/text/op.ts";
import { TextTokenizer } from "../../../extensions/text/text-tokenizer.ts";
import { codePoints, tokenOffsets } from "../../../extensions/text/token-offsets.ts";
import { tokenSpans } from "../../../extensions/text/token-spans.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const read = (name: string) => readFileSync(join(TOKENIZERS_PATH, name), "utf8");
const { texts: all } = JSON.parse(read("expected.json")) as { readonly texts: readonly string[] };
const texts = all.filter((text) => Array.from(text).length <= 60);

type Span = readonly [label: string, score: number, start: number, end: number];
const { labels, spans } = JSON.parse(read("expected-spans.json")) as {
  readonly labels: readonly string[];
  readonly spans: Readonly<Record<string, Readonly<Record<SpanStrategy, readonly (readonly Span[])[]>>>>;
};
const WHOLE = { maxTokens: null, truncation: "right", specialTokens: true } as const;

/** Returns the same numbers as make-spans.py. */
function logitsOf(seed: number, tokens: number): readonly Float32Array[] {
  let state = seed;
  return Array.from({ length: tokens }, () =>
    Float32Array.from(labels, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return ((state >>> 16) % 1000) / 125 - 4;
    }),
  );
}

async function offsetsOf(name: string, prefix = "") {
  const tokenizer = TextTokenizer.open(read(name), WHOLE);
  const encodings = await tokenizer.encode(
    texts.map((text) => prefix + text),
    NEVER,
  );
  return encodings.map((encoding, index) => {
    if (encoding instanceof Error) throw encoding;
    const encoded = {
      tokens: encoding.getTokens(),
      offsets: encoding.getOffsets(),
      special: encoding.getSpecialTokensMask(),
    };
    return tokenOffsets(encoded, texts[index] ?? "", { prefix, forms: tokenizer.forms });
  });
}

describe.each(Object.keys(spans))("labelled tokens of %s", (name) => {
  it.each(SPAN_STRATEGIES)(
    "the strategy `%s` gives the same spans as the reference library",
    async (strategy) => {
      for (const [index, offsets] of (await offsetsOf(`${name}.json`)).entries()) {
        const logits = logitsOf(index + 1, offsets.length);
        const tokens = offsets.flatMap(({ special, ...place }, at) =>
          special ? [] : [{ ...place, logits: logits[at] ?? [] }],
        );
        const found = tokenSpans(tokens, { names: labels, ignore: ["O"] }, strategy);
        const known = spans[name]?.[strategy][index] ?? [];
        const places = (some: readonly (readonly unknown[])[]) =>
          some.map(([label, , ...place]) => [label, ...place]);
        expect(places(found.map(({ label, score, start, end }) => [label, score, start, end]))).toEqual(
          places(known),
        );
        for (const [at, { score }] of found.entries()) expect(score).toBeCloseTo(known[at]?.[1] ?? 0, 4);
      }
    },
  );
});

it("offsets refer to the text without its prefix", async () => {
  const alone = await offsetsOf("wordpiece.json");
  const behind = await offsetsOf("wordpiece.json", "query: ");
  const own = (all: typeof alone) => all.map((tokens) => tokens.filter(({ special }) => !special));
  expect(own(behind).map((tokens) => tokens.map(({ start, end }) => [start, end]))).toEqual(
    own(alone).map((tokens) => tokens.map(({ start, end }) => [start, end])),
  );
});

it("offsets count code points", async () => {
  const index = texts.findIndex((text) => text.includes("😁"));
  const text = texts[index] ?? "";
  const tokens = (await offsetsOf("bpe.json"))[index]?.filter(({ special }) => !special) ?? [];
  expect(codePoints(text, tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0)).toBe(text);
});
