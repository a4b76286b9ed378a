import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import { isText } from "../../shared/domain/file-cells.ts";
import { below } from "../../shared/domain/location.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { DraftNote, MadeInput, MeasureContext, StepDraft } from "../../shared/extension/step-draft.ts";
import { isIdsName, TYPE_NAMES } from "../../shared/input-sources/text-inputs.ts";
import { counted } from "../../shared/terminal/text.ts";
import { fieldOfType } from "../../shared/values/value-type.ts";
import { draftSpans } from "./draft-spans.ts";
import { tokenizerFactsOf } from "./folder-tokenizer.ts";
import { findLongTexts } from "./long-texts.ts";
import { measureTexts, type TextLengths } from "./measure-texts.ts";
import type { TextInput } from "./text-input.ts";
import { textWay } from "./text-way.ts";
import { offsetsColumn } from "./token-columns.ts";

const INT64: FieldType = { kind: "numeric", type: "int64" };

/** Drafts text inputs: tokens by the tokenizer of the model's folder. */
export const TEXT_DRAFT: StepDraft = {
  way: textWay,
  // Token types that distinguish the texts of a pair are all zero for one text.
  companion: ({ name }, of, { tokenizer }) =>
    tokenizer !== undefined && TYPE_NAMES.includes(name) ? { types: of } : null,
  makes: ({ tokenizer, types }: TextInput) => tokenizer !== undefined || types !== undefined,
  made: madeText,
  measured: textsToMeasure,
  async measure(cells, file, options) {
    const lengths = await measureTexts(cells, file, options);
    return lengths === null ? null : { ...lengths };
  },
  note: (inputs, { folder, measured }) =>
    noteOf(findLongTexts(inputs, { folder, texts: measured as TextLengths | null })),
  finish: draftSpans,
};

/**
 * Returns placeholder columns for the ids and types that the step will make, so that planning can bind the
 * input.
 */
function madeText(
  { types, column, columns, offsets, batchAxis }: TextInput,
  tensor: TensorInfo,
  fields: readonly Field[],
): MadeInput | null {
  const ids = `shardmill:${tensor.name}`;
  const input = { column: ids, scale: 1, offset: 0, ...(batchAxis === undefined ? {} : { batchAxis }) };
  const field: Field = { name: ids, type: { kind: "list", item: INT64 }, nullable: false };
  if (types !== undefined) return { input, fields: [field] };
  const texts = Array.isArray(columns) ? columns : [column];
  const isTextColumn = (name: string) => fields.some((each) => each.name === name && isText(each.type));
  if (!texts.every(isTextColumn)) return null;
  return { input, fields: [field, ...(offsets === undefined ? [] : [fieldOfType(offsetsColumn(offsets))])] };
}

function textsToMeasure({ signature, folder, texts }: MeasureContext) {
  const facts = tokenizerFactsOf(folder);
  if (folder === null || facts === null || !signature.inputs.some(({ name }) => isIdsName(name))) return null;
  return { columns: texts.map(({ name }) => name), file: below(folder.path, facts.file) };
}

function noteOf(long: ReturnType<typeof findLongTexts>): DraftNote | null {
  if (long === null) return null;
  const { input, longRows, rows, maxTokens, split } = long;
  const lost = `${longRows} of ${counted(rows, "row")} in the sample have more than ${maxTokens} tokens`;
  const choice = split === null ? "the longer text is cut off" : "cut off, or cut into passages, as above?";
  const says = "A row for each passage of a long text, with its `part`, `start` and `end` to keep:";
  return {
    input,
    question: `${lost}: ${choice}`,
    prepare: split === null ? null : { says, key: "split", value: split },
  };
}
