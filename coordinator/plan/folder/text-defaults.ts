import type { Field } from "../../../shared/domain/dataset.ts";
import { TOKENIZER_EXCLUDES } from "../../../shared/domain/job-rules.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { below } from "../../../shared/domain/location.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../../shared/domain/tensor.ts";
import { isMaskName } from "../../../shared/input-sources/position-mask.ts";
import { isIdsName, TOKEN_NAMES } from "../../../shared/input-sources/text-inputs.ts";
import { notText } from "../steps/read-tokenizer.ts";

type InputSpecs = JobSpec["map"]["inputs"];

interface TextContext {
  readonly folder: ModelFolder | null;
  /** Whether a column holds text. */
  readonly isText: (column: string) => boolean;
  /** Whether the model has an input of this name that takes numbers. */
  readonly takesNumbers: (input: string) => boolean;
}

/**
 * The inputs of a job with what it leaves open about texts: an input of ids that names a column of text, or a
 * pair of them, gets the tokenizer of the model's folder. The masks and types of a job's only ids of text are
 * made with them.
 */
function withTextDefaults(inputs: InputSpecs, context: TextContext): InputSpecs {
  const entries = Object.entries(inputs).map(([name, spec]) => [name, withTokenizer(name, spec, context)]);
  const filled: InputSpecs = Object.fromEntries(entries);
  const [ids, ...others] = Object.keys(filled).filter((name) => filled[name]?.tokenizer !== undefined);
  if (ids === undefined || others.length > 0) return filled;
  const made = TOKEN_NAMES.filter((name) => filled[name] === undefined && context.takesNumbers(name));
  const of = (name: string) => (isMaskName(name) ? { mask: ids } : { types: ids });
  return {
    ...filled,
    ...Object.fromEntries(made.map((name) => [name, { scale: 1, offset: 0, ...of(name) }])),
  };
}

/**
 * The same before the model is loaded and the steps are planned: so it stands in the identity of a job, and
 * says which tokenizers are read. What the model has is for its own digest to say; behind steps, any column
 * may hold text.
 */
export function withLikelyTexts(
  spec: JobSpec,
  fields: readonly Field[],
  folder: ModelFolder | null,
): JobSpec {
  const { inputs, prepare } = spec.map;
  const isText = (column: string) => prepare.length > 0 || hasText(fields, column);
  return {
    ...spec,
    map: { ...spec.map, inputs: withTextDefaults(inputs, { folder, isText, takesNumbers: () => true }) },
  };
}

/** Once the columns in front of the inputs are known, and the model. */
export function withKnownTexts(
  inputs: InputSpecs,
  on: {
    readonly fields: readonly Field[];
    readonly folder: ModelFolder | null;
    readonly tensors: readonly TensorInfo[];
  },
): InputSpecs {
  const { fields, folder, tensors } = on;
  const takesNumbers = (input: string) =>
    tensors.some(({ name, dtype }) => name === input && dtype !== "string");
  return withTextDefaults(inputs, { folder, isText: (column) => hasText(fields, column), takesNumbers });
}

/** Whether a job may leave a tokenizer to the folder of its model. */
export function leavesTokenizers(inputs: InputSpecs): boolean {
  return Object.entries(inputs).some(([name, spec]) => leavesTokenizer(name, spec));
}

/** The columns that an input of text is made of: one, or a pair. Null: they are no such. */
export function textColumns(input: string, { column, columns }: InputSpec): readonly string[] | null {
  if (columns === undefined) return [column ?? input];
  return typeof columns === "object" && columns.length === 2 ? columns : null;
}

function withTokenizer(
  name: string,
  spec: InputSpec,
  { folder, isText, takesNumbers }: TextContext,
): InputSpec {
  const facts = folder?.facts.tokenizer ?? null;
  if (folder === null || facts === null || !leavesTokenizer(name, spec) || !takesNumbers(name)) return spec;
  const texts = textColumns(name, spec);
  return texts?.every(isText) === true ? { ...spec, tokenizer: below(folder.path, facts.file) } : spec;
}

/** It is an input of ids, made of columns, of which the job does not say how. */
function leavesTokenizer(name: string, spec: InputSpec): boolean {
  const own: Readonly<Record<string, unknown>> = spec;
  const others = ["tokenizer", "types", ...TOKENIZER_EXCLUDES];
  return isIdsName(name) && others.every((key) => own[key] === undefined);
}

function hasText(fields: readonly Field[], column: string): boolean {
  return fields.some((field) => field.name === column && notText(field) === null);
}
