import { below } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import { type DraftKeys, type InputWay, listed, whichColumn } from "../../shared/extension/feature-draft.ts";
import { isIdsName } from "../../shared/input-sources/text-inputs.ts";
import { tokenizerFactsOf } from "./folder-tokenizer.ts";
import { textPair } from "./text-pair.ts";

/** Proposes text columns for an ids input if the folder has a tokenizer and no column already holds ids. */
export const textWay: InputWay = (tensor, context) => {
  const { folder, files, fits } = context;
  const keys = textKeys(tensor, folder);
  const hasIds = context.lists.some(({ name }) => fits({ column: name }));
  if (keys === null || hasIds) return null;
  const texts = context.texts.filter(({ name }) => !files.has(name));
  const fitting = texts.filter(({ name }) => fits({ column: name, ...keys }));
  const [first] = fitting;
  if (first === undefined) return null;
  const pair = textPair(fitting, context);
  if (pair !== null && fits({ columns: pair.columns, ...keys })) {
    const names = listed(fitting.map(({ name }) => name));
    const which = `which two texts are compared, and which is the first? Columns of text: ${names}`;
    return {
      keys: { columns: pair.columns, ...keys },
      questions: [...(pair.isNamed ? [] : [which]), ...prefixQuestions(folder)],
    };
  }
  return {
    keys: { column: first.name, ...keys },
    questions: [...whichColumn(fitting, "these are texts"), ...prefixQuestions(folder)],
  };
};

function prefixQuestions(folder: ModelFolder | null): readonly string[] {
  const prompts = Object.entries(tokenizerFactsOf(folder)?.prompts ?? {});
  const prefixes = prompts.map(([name, prompt]) => `\`prefix: ${JSON.stringify(prompt)}\` (${name})`);
  return prefixes.length === 0
    ? []
    : [`the model's author puts a prefix before texts: ${prefixes.join(", ")}`];
}

/**
 * Returns the keys that tokenize text with the folder's tokenizer. Null: the input takes no ids, or there is
 * no tokenizer.
 */
function textKeys({ name }: TensorInfo, folder: ModelFolder | null): DraftKeys | null {
  const facts = tokenizerFactsOf(folder);
  if (folder === null || facts === null || !isIdsName(name)) return null;
  const { file, maxTokens, truncation } = facts;
  return {
    tokenizer: below(folder.path, file),
    ...(maxTokens === null ? {} : { maxTokens }),
    ...(truncation === "left" ? { truncation } : {}),
  };
}
