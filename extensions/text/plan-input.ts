import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { listNames } from "../../shared/core/list-names.ts";
import { findColumn } from "../../shared/dataset/columns.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type {
  InputPlanner,
  InputPlannerContext,
  PlannedInput,
  Refused,
} from "../../shared/extension/step-part.ts";
import { isMaskName } from "../../shared/input-sources/position-mask.ts";
import { isIdsName } from "../../shared/input-sources/text-inputs.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import { fieldOfType, type NamedType } from "../../shared/values/value-type.ts";
import { leavesTokenizers, textColumns, withFolderTexts } from "./defaults.ts";
import { isFolderTokenizer, tokenizerFactsOf } from "./folder-tokenizer.ts";
import type { TokenizeOp } from "./op.ts";
import { notText, tokenizerFacts } from "./read-tokenizer.ts";
import { TOKENIZER_KEYS } from "./spec.ts";
import type { TextInput, TextInputs } from "./text-input.ts";
import type { TokenizerFile } from "./text-tokenizer.ts";
import { offsetsColumn, truncatedColumn } from "./token-columns.ts";

const INT32_LIST: FieldType = { kind: "list", item: { kind: "numeric", type: "int32" } };

/** Plans inputs of token ids. Inputs with `types` are fed by the same step. */
export const TEXT_PLANNER: InputPlanner = {
  leaves: leavesTokenizers,
  withFolder: withFolderTexts,
  unnamed: unnamedTexts,
  stray: strayTexts,
  plan: planTokens,
};

function planTokens(input: string, inputs: TextInputs, context: InputPlannerContext): PlannedInput | Refused {
  const spec = present(inputs[input], "the input has a tokenizer");
  const { tokenizer = "" } = spec;
  const file = present(context.files.get(tokenizer), "the files of the inputs are read");
  const texts = present(textColumns(input, spec), "a tokenizer has one text, or a pair");
  const isOfFolder = isFolderTokenizer(tokenizer, context.folder);
  const problems = [
    ...textProblems(input, spec, context),
    ...(isOfFolder ? unclearText(input, spec, present(context.folder, "the folder of the tokenizer")) : []),
  ];
  const read = tokenizerFacts(keyOf(input, "tokenizer"), tokenizer, context.descriptions);
  if (read.kind === "refused") return { problems: [...problems, read.problem] };
  const op = opOf(input, spec, texts, {
    ...read.facts,
    ...(isOfFolder ? folderLimits(read.facts, context.folder) : {}),
  });
  problems.push(...roomProblems(input, op, read.facts));
  if (problems.length > 0) return { problems };
  return {
    data: { ...op },
    files: [file],
    reads: [...new Set(texts)],
    columns: [
      ...context.fields.map((field) => ({ ...field, from: field.name })),
      ...[op.ids, op.types].map((name) => ({ name, type: INT32_LIST, nullable: true, from: null })),
      ...namedColumns(op).map((column) => ({ ...fieldOfType(column), from: null })),
    ],
    inputs: fedBy(input, op, inputs, padOf(read.facts, inputs, context)),
  };
}

/** Returns problems of text keys on inputs without a tokenizer. */
function strayTexts(inputs: TextInputs): readonly Problem[] {
  return [...strayTypes(inputs), ...strayKeys(inputs)];
}

/** Returns problems of inputs whose `types` names an input without a tokenizer. */
function strayTypes(inputs: TextInputs): readonly Problem[] {
  return Object.entries(inputs).flatMap(([name, { types }]) => {
    if (types === undefined || inputs[types]?.tokenizer !== undefined) return [];
    const what = "names an input without a tokenizer";
    return [{ where: keyOf(name, "types"), what, expected: "an input with a `tokenizer`", found: types }];
  });
}

function strayKeys(inputs: TextInputs): readonly Problem[] {
  const expected =
    "a `tokenizer` with it. For token ids of a text column, the tokenizer of the model's folder is the default";
  return Object.entries(inputs).flatMap(([name, spec]) => {
    if (spec.tokenizer !== undefined) return [];
    const stray = TOKENIZER_KEYS.filter((key) => spec[key] !== undefined);
    return stray.map((key) => ({ where: keyOf(name, key), what: `\`${key}\` is for text`, expected }));
  });
}

/**
 * Returns problems of ids inputs that the job does not mention, although the folder's tokenizer could make
 * them. Only the job can say which column holds the text.
 */
function unnamedTexts(inputs: TextInputs, context: InputPlannerContext): readonly Problem[] {
  const { fields, folder, signature } = context;
  const facts = tokenizerFactsOf(folder);
  if (facts === null) return [];
  const { file } = facts;
  const texts = fields.filter((field) => notText(field) === null).map(({ name }) => name);
  const [first] = texts;
  if (first === undefined) return [];
  return signature.inputs.flatMap(({ name, dtype }) => {
    const isFed = fields.some((field) => field.name === name && notText(field) !== null);
    if (!isIdsName(name) || dtype === "string" || inputs[name] !== undefined || isFed) return [];
    return [
      {
        where: formatKeyPath(["map", "inputs", name]),
        what: `the job does not say which text column ${file} of the model's folder turns into ids`,
        expected: `\`${name}: COLUMN\` under map.inputs`,
        found: `columns of text: ${listNames(texts)}`,
      },
    ];
  });
}

function keyOf(input: string, key: string): string {
  return formatKeyPath(["map", "inputs", input, key]);
}

function textProblems(input: string, spec: TextInput, { fields }: InputPlannerContext): readonly Problem[] {
  const where = keyOf(input, spec.columns === undefined ? "column" : "columns");
  const ofTexts = (textColumns(input, spec) ?? []).flatMap((name): readonly Problem[] => {
    const { field, problems } = findColumn(fields, name, where);
    if (field === null) return problems;
    const fault = notText(field);
    return fault === null ? [] : [{ where, ...fault }];
  });
  return [...ofTexts, ...clashes(input, spec, fields)];
}

/** Returns the optional columns that the job names: offsets and truncation flags. */
function namedColumns({ offsets, truncated }: TokenizeOp): readonly NamedType[] {
  return [
    ...(offsets === null ? [] : [offsetsColumn(offsets)]),
    ...(truncated === null ? [] : [truncatedColumn(truncated)]),
  ];
}

/** Returns problems of optional columns whose names are taken. */
function clashes(
  input: string,
  { offsets, truncated }: TextInput,
  fields: readonly Field[],
): readonly Problem[] {
  const taken = new Set(fields.map(({ name }) => name.toLowerCase()));
  return Object.entries({ offsets, truncated }).flatMap(([key, name]) => {
    if (name === undefined) return [];
    const isTaken = taken.has(name.toLowerCase());
    taken.add(name.toLowerCase());
    if (!isTaken) return [];
    const what = `would make a second column \`${name}\``;
    return [{ where: keyOf(input, key), what, expected: "a name that no column has", found: `\`${name}\`` }];
  });
}

/** Key of the input that replaces a key of the folder's files. */
const UNCLEAR_KEYS: Readonly<Record<string, "maxTokens" | "truncation" | "prefix">> = {
  max_seq_length: "maxTokens",
  model_max_length: "maxTokens",
  max_position_embeddings: "maxTokens",
  truncation_side: "truncation",
  prompts: "prefix",
  default_prompt_name: "prefix",
};

/**
 * Returns problems of tokenizer settings that are unclear in the folder and absent in the job. A guess would
 * silently produce other tokens than the maker's. `do_lower_case` has no replacing key here: `plan` shows
 * that doubt.
 */
function unclearText(input: string, spec: TextInput, folder: ModelFolder): readonly Problem[] {
  const most = tokenizerFactsOf(folder)?.mostTokens ?? null;
  return folder.doubts.flatMap(({ about, where, what, found }) => {
    const key = UNCLEAR_KEYS[where.split(": ").at(-1) ?? ""];
    if (about !== "tokenizer" || key === undefined || spec[key] !== undefined) return [];
    // The number of positions caps such a limit anyway.
    if (key === "maxTokens" && most !== null && Number(found) > most) return [];
    return [
      {
        where: keyOf(input, key),
        what: `the model's folder does not say clearly how texts become tokens: ${where} ${what}`,
        expected: `\`${key}\` here`,
        found,
      },
    ];
  });
}

/**
 * Returns the limits that other files of the folder set for its own tokenizer, as the maker's library does.
 * For example, all-MiniLM-L6-v2 reads 256 tokens, but its tokenizer.json says 128.
 */
function folderLimits(
  own: TokenizerFile,
  folder: ModelFolder | null,
): Pick<TokenizerFile, "maxTokens" | "truncation"> {
  const facts = tokenizerFactsOf(folder);
  if (facts === null) return own;
  const limits = [facts.maxTokens ?? own.maxTokens, facts.mostTokens].filter((limit) => limit !== null);
  return {
    maxTokens: limits.length === 0 ? null : Math.min(...limits),
    truncation: facts.truncation ?? own.truncation,
  };
}

function opOf(
  input: string,
  { maxTokens, truncation, prefix, specialTokens, offsets, truncated }: TextInput,
  texts: readonly string[],
  facts: TokenizerFile,
): TokenizeOp {
  return {
    texts,
    prefix: prefix ?? "",
    maxTokens: maxTokens ?? facts.maxTokens,
    truncation: truncation ?? facts.truncation,
    specialTokens: specialTokens ?? true,
    ids: `shardmill:ids:${input}`,
    types: `shardmill:types:${input}`,
    offsets: offsets ?? null,
    truncated: truncated ?? null,
  };
}

/** Returns a problem when the special tokens alone fill the limit, which the library refuses. */
function roomProblems(
  input: string,
  { maxTokens, specialTokens, texts }: TokenizeOp,
  facts: TokenizerFile,
): readonly Problem[] {
  const special = texts.length > 1 ? facts.pairSpecialTokens : facts.specialTokens;
  if (maxTokens === null || !specialTokens || maxTokens > special) return [];
  const expected = `more than ${special}, the number of special tokens`;
  return [
    { where: keyOf(input, "maxTokens"), what: "leaves no room for text", expected, found: `${maxTokens}` },
  ];
}

/**
 * Returns the tokenizer's padding id if the model has a mask input. Without a mask, padding would change the
 * results of rows in a batch of different lengths.
 */
function padOf(
  { padId }: TokenizerFile,
  inputs: TextInputs,
  { signature }: InputPlannerContext,
): number | null {
  const isStated =
    Object.values(inputs).some(({ mask }) => mask !== undefined) ||
    signature.inputs.some(({ name }) => isMaskName(name));
  return isStated ? padId : null;
}

function fedBy(input: string, op: TokenizeOp, inputs: TextInputs, pad: number | null): TextInputs {
  const entries = Object.entries(inputs).map(([name, spec]): [string, TextInput] => {
    if (name === input) return [name, { ...(pad === null ? {} : { pad }), ...plain(spec), column: op.ids }];
    return [name, spec.types === input ? { ...plain(spec), column: op.types } : spec];
  });
  return Object.fromEntries(entries);
}

/** Returns the keys that any input may have. */
function plain({ scale, offset, pad, batchAxis }: TextInput): TextInput {
  return {
    scale,
    offset,
    ...(pad === undefined ? {} : { pad }),
    ...(batchAxis === undefined ? {} : { batchAxis }),
  };
}
