import type { Field } from "../../shared/domain/dataset.ts";
import { FILE_KEYS } from "../../shared/domain/features.ts";
import { below } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { KnownInputs } from "../../shared/extension/step-part.ts";
import { isMaskName } from "../../shared/input-sources/position-mask.ts";
import { isIdsName, TOKEN_NAMES } from "../../shared/input-sources/text-inputs.ts";
import { tokenizerFactsOf } from "./folder-tokenizer.ts";
import { notText } from "./read-tokenizer.ts";
import { tokenizerExcludes } from "./spec.ts";
import type { TextInput, TextInputs } from "./text-input.ts";

interface TextContext {
  readonly folder: ModelFolder | null;
  /** Returns whether a column holds text. */
  readonly isText: (column: string) => boolean;
  /** Returns whether the model has a numeric input of this name. */
  readonly takesNumbers: (input: string) => boolean;
}

/**
 * Fills in the defaults of the text inputs. An ids input of one text column, or of a pair, gets the tokenizer
 * of the model's folder. If exactly one input has a tokenizer, missing mask and type inputs are derived from
 * it.
 */
function withTextDefaults(inputs: TextInputs, context: TextContext): TextInputs {
  const entries = Object.entries(inputs).map(([name, spec]) => [name, withTokenizer(name, spec, context)]);
  const filled: TextInputs = Object.fromEntries(entries);
  const [ids, ...others] = Object.keys(filled).filter((name) => filled[name]?.tokenizer !== undefined);
  if (ids === undefined || others.length > 0) return filled;
  const made = TOKEN_NAMES.filter((name) => filled[name] === undefined && context.takesNumbers(name));
  const of = (name: string) => (isMaskName(name) ? { mask: ids } : { types: ids });
  return {
    ...filled,
    ...Object.fromEntries(made.map((name) => [name, { scale: 1, offset: 0, ...of(name) }])),
  };
}

/** Fills in the text inputs' defaults from the model's folder. Behind steps, any column may hold text. */
export function withFolderTexts(
  inputs: TextInputs,
  { fields, folder, tensors, hasSteps }: KnownInputs,
): TextInputs {
  const isText = (column: string) => hasSteps || hasText(fields, column);
  // Null: the model is not read. The digest of the model reports why.
  const takesNumbers = (input: string) =>
    tensors === null || tensors.some(({ name, dtype }) => name === input && dtype !== "string");
  return withTextDefaults(inputs, { folder, isText, takesNumbers });
}

/** Checks whether an input may get its tokenizer from the model's folder. */
export function leavesTokenizers(inputs: TextInputs): boolean {
  return Object.entries(inputs).some(([name, spec]) => leavesTokenizer(name, spec));
}

/** Returns the text columns of an input: one, or a pair. Null: the input has another source. */
export function textColumns(input: string, { column, columns }: TextInput): readonly string[] | null {
  if (columns === undefined) return [column ?? input];
  return typeof columns === "object" && columns.length === 2 ? columns : null;
}

function withTokenizer(
  name: string,
  spec: TextInput,
  { folder, isText, takesNumbers }: TextContext,
): TextInput {
  const facts = tokenizerFactsOf(folder);
  if (folder === null || facts === null || !leavesTokenizer(name, spec) || !takesNumbers(name)) return spec;
  const texts = textColumns(name, spec);
  return texts?.every(isText) === true ? { ...spec, tokenizer: below(folder.path, facts.file) } : spec;
}

/** Checks whether this is an ids input of columns, without a key that says how to fill it. */
function leavesTokenizer(name: string, spec: TextInput): boolean {
  const own: object = spec;
  const others = ["tokenizer", "types", ...tokenizerExcludes(FILE_KEYS)];
  return isIdsName(name) && others.every((key) => Reflect.get(own, key) === undefined);
}

function hasText(fields: readonly Field[], column: string): boolean {
  return fields.some((field) => field.name === column && notText(field) === null);
}
