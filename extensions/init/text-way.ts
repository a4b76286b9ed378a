import { isText } from "../../shared/domain/file-cells.ts";
import { below } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import { type DraftKeys, type FoundWay, listed, whichColumn } from "../../shared/extension/feature-draft.ts";
import { isIdsName } from "../../shared/input-sources/text-inputs.ts";
import { sureness } from "./field-kinds.ts";
import { isIdName } from "./id-column.ts";
import { textPair } from "./text-pair.ts";
import type { DraftContext } from "./try-bind.ts";

interface TextContext extends DraftContext {
  readonly fits: (keys: DraftKeys) => boolean;
}

/** Where the folder has a tokenizer, and no column holds the ids, columns of text are what it means. */
export function textWay(tensor: TensorInfo, context: TextContext): FoundWay | null {
  const { fields, folder, sample, fits } = context;
  const keys = textKeys(tensor, folder);
  const hasIds = fields.some((field) => sureness(field) === 2 && fits({ column: field.name }));
  if (keys === null || hasIds) return null;
  const texts = fields.filter(({ name, type }) => isText(type) && !isIdName(name) && !sample.files.has(name));
  const fitting = texts.filter(({ name }) => fits({ column: name, ...keys }));
  const [first] = fitting;
  if (first === undefined) return null;
  const pair = textPair(fitting, context);
  if (pair !== null && fits({ columns: pair.columns, ...keys })) {
    const names = listed(fitting.map(({ name }) => name));
    const which = `which two texts are compared, and which is the first? these are texts: ${names}`;
    return {
      keys: { columns: pair.columns, ...keys },
      questions: [...(pair.isNamed ? [] : [which]), ...prefixQuestions(folder)],
    };
  }
  return {
    keys: { column: first.name, ...keys },
    questions: [...whichColumn(fitting, "these are texts"), ...prefixQuestions(folder)],
  };
}

function prefixQuestions(folder: ModelFolder | null): readonly string[] {
  const prompts = Object.entries(folder?.facts.tokenizer?.prompts ?? {});
  const prefixes = prompts.map(([name, prompt]) => `\`prefix: ${JSON.stringify(prompt)}\` (${name})`);
  return prefixes.length === 0 ? [] : [`the model's maker writes a text in front: ${prefixes.join(", ")}`];
}

/** The keys by which the folder's tokenizer makes an input of text; null where it is no input of ids. */
function textKeys({ name }: TensorInfo, folder: ModelFolder | null): DraftKeys | null {
  const facts = folder?.facts.tokenizer ?? null;
  if (folder === null || facts === null || !isIdsName(name)) return null;
  const { file, maxTokens, truncation } = facts;
  return {
    tokenizer: below(folder.path, file),
    ...(maxTokens === null ? {} : { maxTokens }),
    ...(truncation === "left" ? { truncation } : {}),
  };
}
