import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { DescribedFiles } from "../../shared/extension/step-part.ts";
import { runIsolated, whyNoAnswer } from "../../shared/onnx/isolated.ts";
import type { TokenizerFile } from "./text-tokenizer.ts";

/** Request to the process that reads a tokenizer. */
export interface TokenizerQuestion {
  readonly location: Location;
}

/** Response of that process. */
export type TokenizerAnswer =
  | { readonly kind: "read"; readonly facts: TokenizerFile }
  | { readonly kind: "refused"; readonly why: string };

/** A tokenizer of 250,000 tokens takes some seconds, and some hundreds of megabytes. */
const LIMITS = { limitMs: 120_000, memoryLimitBytes: 4 * 2 ** 30 };

/**
 * Reads facts from a tokenizer file in a separate process. Reading takes seconds of computing, and passes
 * untrusted files through native code.
 */
export async function readTokenizer({ location }: StepFile, signal: AbortSignal): Promise<TokenizerAnswer> {
  const question: TokenizerQuestion = { location };
  const result = await runIsolated({
    script: compiledUrl("extensions/text/tokenizer-process.ts"),
    argument: question,
    ...LIMITS,
    signal,
  });
  return result.kind === "answered"
    ? (result.value as TokenizerAnswer)
    : { kind: "refused", why: whyNoAnswer(result, LIMITS) };
}

/**
 * Returns the facts that were read from a tokenizer file, or the problem of the file.
 *
 * @param where key that names the file
 */
export function tokenizerFacts(
  where: string,
  path: string,
  descriptions: DescribedFiles["descriptions"],
):
  | { readonly kind: "read"; readonly facts: TokenizerFile }
  | { readonly kind: "refused"; readonly problem: Problem } {
  const answer = present(descriptions.get(path), "the tokenizers of the job are read") as TokenizerAnswer;
  if (answer.kind === "read") return answer;
  const problem = {
    where,
    what: `is not a tokenizer: ${answer.why}`,
    expected: "a tokenizer.json of the tokenizers library",
    found: path,
  };
  return { kind: "refused", problem };
}

const BYTES_HINT = "decode it in map.prepare, or for files as rows set input.types to `{ content: string }`";

/** Returns why a column is no text. Null: it is text. */
export function notText(field: Field): Omit<Problem, "where"> | null {
  const type = field.type.kind === "dictionary" ? field.type.values : field.type;
  if (type.kind === "string") return null;
  return {
    what: `column \`${field.name}\` is not text`,
    expected: "a column of strings",
    found: showType(field.type),
    ...(type.kind === "binary" ? { hint: BYTES_HINT } : {}),
  };
}
