import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below } from "../../shared/domain/location.ts";
import type { ImageFacts, ModelFolder } from "../../shared/domain/model-folder.ts";
import { type ModelSignature, product, type TensorInfo } from "../../shared/domain/tensor.ts";
import { planImages } from "../plan/input-steps/image-plan.ts";

const TOKEN_ID: FieldType = { kind: "numeric", type: "int64" };

type InputSpecs = JobSpec["map"]["inputs"];

/**
 * Inputs that are made of columns by a step in front of the model, as the ordinary ones that the step leaves.
 * A job plans that step; a draft needs only to know what columns it makes. Null where one does not fit.
 */
export function withoutComputed(
  inputs: InputSpecs,
  { signature, fields }: { readonly signature: ModelSignature; readonly fields: readonly Field[] },
): { readonly inputs: InputSpecs; readonly fields: readonly Field[] } | null {
  const left: Record<string, InputSpecs[string]> = { ...inputs };
  const made: Field[] = [];
  for (const [name, { image, ...rest }] of Object.entries(inputs)) {
    const asked: Readonly<Record<string, unknown>> = rest;
    if (asked.tokenizer !== undefined) {
      const source = fields.find((field) => field.name === rest.column);
      if (source === undefined || !isText(source.type)) return null;
      const column = `shardmill:${name}`;
      made.push({ name: column, type: { kind: "list", item: TOKEN_ID }, nullable: false });
      left[name] = { ...rest, column };
    }
    if (image === undefined) continue;
    const tensor = signature.inputs.find((candidate) => candidate.name === name);
    const source = fields.find((field) => field.name === (rest.column ?? name));
    if (tensor === undefined || source === undefined || !holdsFiles(source.type)) return null;
    const planned = planImages(image, { ...tensor, dims: tensor.dims.slice(1) }, () => {});
    if (planned === null) return null;
    const { plan, rowDims } = planned;
    const item = { kind: "numeric", type: plan.dtype } as const;
    const column = `shardmill:${name}`;
    made.push({ name: column, type: { kind: "fixedList", item, length: product(rowDims) }, nullable: false });
    left[name] = { ...rest, column, shape: [...rowDims] };
  }
  return { inputs: left, fields: [...fields, ...made] };
}

export function isText(type: FieldType): boolean {
  return type.kind === "string" || (type.kind === "dictionary" && isText(type.values));
}

/** The bytes of files, or where they are. */
export function holdsFiles(type: FieldType): boolean {
  if (type.kind === "dictionary") return holdsFiles(type.values);
  return type.kind === "binary" || type.kind === "string";
}

/** `image` of an input, as the folder of the model has it; null where the input takes no images. */
export function imageKeys(
  { dims }: TensorInfo,
  facts: ImageFacts | null,
): Readonly<Record<string, unknown>> | null {
  if (facts === null || dims.length !== 4) return null;
  const { resize, resample, crop, rescale, mean, std, channels } = facts;
  return {
    ...(resize === null ? {} : { resize }),
    ...(resample === null ? {} : { resample }),
    ...(crop === null ? {} : { crop }),
    rescale: rescale ?? 1,
    ...(mean === null ? {} : { mean }),
    ...(std === null ? {} : { std }),
    channels,
  };
}

/** The names that exporters give to the ids of a text's tokens. */
const ID_INPUTS: readonly string[] = ["input_ids", "ids", "tokens"];

/** The keys by which the folder's tokenizer makes an input of text; null where it is no input of ids. */
export function textKeys(
  { name }: TensorInfo,
  folder: ModelFolder | null,
): Readonly<Record<string, unknown>> | null {
  const facts = folder?.facts.tokenizer ?? null;
  if (folder === null || facts === null || !ID_INPUTS.includes(name)) return null;
  const { file, maxTokens, truncation } = facts;
  return {
    tokenizer: below(folder.path, file),
    ...(maxTokens === null ? {} : { maxTokens }),
    ...(truncation === "left" ? { truncation } : {}),
  };
}
