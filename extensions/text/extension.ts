import type { Extension } from "../../shared/extension/extension.ts";
import type { StepPart } from "../../shared/extension/step-part.ts";
import { isIdsName } from "../../shared/input-sources/text-inputs.ts";
import {
  type SpansOp,
  type SplitOp,
  spansOp,
  spansText,
  splitOp,
  splitText,
  TOKENIZER_FILE,
  type TokenizeOp,
  type TokenizerFacts,
  tokenizeOp,
  tokenizerText,
  tokenizeText,
  tokenLimits,
} from "./op.ts";
import {
  checkTextKeys,
  leftToFolder,
  type SpansSpec,
  type SplitSpec,
  spansSpec,
  splitSpec,
  type TextKeys,
  textKeys,
} from "./spec.ts";

/** Tokenizer files that keys name. */
const FILES: NonNullable<StepPart["files"]> = {
  keys: ["tokenizer"],
  describe: async (file, signal) => (await import("./read-tokenizer.ts")).readTokenizer(file, signal),
};

/** Text inputs of models: tokens, passages, and spans of labelled tokens. */
export const text: Extension = {
  name: "text",
  mapsBy: ["@anush008/tokenizers"],
  input: {
    key: "tokenizer",
    makes: "`tokenizer`, a tokenizer.json such as that of the model's folder, makes token ids from text",
    nothing: "no text",
    keys: textKeys,
    check: (input, context, parts) => checkTextKeys(input, context, parts),
    files: FILES,
    // An ids input may use the tokenizer of the model's folder without a key.
    mayMake: (name, input: TextKeys) => input.tokenizer !== undefined || isIdsName(name),
    folder: {
      sees: [TOKENIZER_FILE],
      loadReader: async () => (await import("./facts.ts")).readTokenizerFacts,
      show: (facts) => tokenizerText(facts as unknown as TokenizerFacts),
    },
    identity: (facts) => tokenLimits(facts as unknown as TokenizerFacts),
    defaults: (input, data, { facts, isFile }) =>
      leftToFolder(input, data as unknown as TokenizeOp, {
        facts: facts as unknown as TokenizerFacts,
        isFile,
      }),
    loadPlanner: async () => (await import("./plan-input.ts")).TEXT_PLANNER,
    loadDraft: async () => (await import("./draft.ts")).TEXT_DRAFT,
    step: {
      kind: "tokenize",
      data: tokenizeOp,
      show: (data) => tokenizeText(data as unknown as TokenizeOp),
      async open(binding, data, options) {
        const { openTokenizeStep } = await import("./tokenize-step.ts");
        return openTokenizeStep(binding, data as unknown as TokenizeOp, options);
      },
      async openViewer({ files }, data) {
        const { openTokenViewer } = await import("./token-viewer.ts");
        return await openTokenViewer(files, data as unknown as TokenizeOp);
      },
    },
  },
  steps: [
    {
      key: "split",
      says: "Cuts long texts into passages. Each passage is a row. See [text](#text).",
      spec: splitSpec,
      files: FILES,
      loadPlanner: async () => {
        const { planSplit } = await import("./plan-split.ts");
        return (value, context) => planSplit(value as unknown as SplitSpec, context);
      },
      step: {
        kind: "split",
        data: splitOp,
        show: (data) => splitText(data as unknown as SplitOp),
        async open(binding, data, options) {
          const { openSplitStep } = await import("./split-step.ts");
          return openSplitStep(binding, data as unknown as SplitOp, options);
        },
      },
    },
    {
      key: "spans",
      says: "In `finish`: turns labelled tokens into spans of their text. See [text](#text).",
      spec: spansSpec,
      withFolder: (value, { labels }) => (labels === null ? value : { labels, ...value }),
      loadPlanner: async () => {
        const { planSpans } = await import("./plan-spans.ts");
        return (value, context) => planSpans(value as unknown as SpansSpec, context);
      },
      step: {
        kind: "spans",
        data: spansOp,
        show: (data) => spansText(data as unknown as SpansOp),
        async open(_binding, data) {
          const { openSpansStep } = await import("./spans-step.ts");
          return openSpansStep(data as unknown as SpansOp);
        },
      },
    },
  ],
};
