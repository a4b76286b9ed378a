import type { Problem } from "../../../shared/core/errors.ts";
import { showType } from "../../../shared/dataset/field-differences.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import type { TokenizerFile } from "../../../shared/text/text-tokenizer.ts";

type ReadTokenizer =
  | { readonly kind: "read"; readonly facts: TokenizerFile }
  | { readonly kind: "refused"; readonly problem: Problem };

/**
 * What a tokenizer's file says of itself.
 *
 * @param where the key that names it
 */
export async function readTokenizer(
  where: string,
  { location }: StepFile,
  signal: AbortSignal,
): Promise<ReadTokenizer> {
  // The native library is loaded only by jobs that have a tokenizer.
  const { NoTokenizerError, readTokenizerFile } = await import("../../../shared/text/text-tokenizer.ts");
  await using storages = new Storages({});
  const json = await readText(await storages.at(location), location, signal);
  try {
    return { kind: "read", facts: await readTokenizerFile(json, signal) };
  } catch (error) {
    if (!(error instanceof NoTokenizerError)) throw error;
    const problem = {
      where,
      what: `is no tokenizer: ${error.message}`,
      expected: "a tokenizer.json, as the tokenizers library writes it",
      found: location,
    };
    return { kind: "refused", problem };
  }
}

/** Why a column is no text; null where it is. */
export function notText(field: Field): Omit<Problem, "where"> | null {
  const type = field.type.kind === "dictionary" ? field.type.values : field.type;
  if (type.kind === "string") return null;
  return {
    what: `column \`${field.name}\` is no text`,
    expected: "a column of strings",
    found: showType(field.type),
  };
}
