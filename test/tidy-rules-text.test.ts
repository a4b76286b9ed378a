import { expect, it } from "vitest";
import { findStrayDecoders } from "./support/tidy/decoders.ts";
import { listed, parseSource } from "./support/tidy/source-file.ts";

it("the rule finds text decoders that drop a byte order mark", () => {
  const samples = {
    "worker/read/a.ts": `const decoder = new TextDecoder("utf-8");\nconst b = new Vector([data]).get(0);`,
    "worker/read/b.ts": `batch.getChild("t")?.get(0);`,
    "shared/core/utf8.ts": "const decoder = new TextDecoder();",
    "test/support/c.ts": "const decoder = new TextDecoder();",
  };
  const files = Object.entries(samples).map(([path, text]) => parseSource(path, text));
  expect(listed(findStrayDecoders(files))).toEqual([
    "worker/read/a.ts:1: texts are decoded by shared/core/utf8.ts, which keeps U+FEFF",
    "worker/read/a.ts:2: values of columns are read by shared/dataset/cell-reader.ts: Arrow drops U+FEFF",
    "worker/read/b.ts:1: values of columns are read by shared/dataset/cell-reader.ts: Arrow drops U+FEFF",
  ]);
});
