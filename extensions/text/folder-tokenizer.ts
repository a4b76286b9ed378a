import { below } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { TokenizerFacts } from "./op.ts";

/** Returns the facts about the tokenizer in a model's folder. Null: the folder has no tokenizer. */
export function tokenizerFactsOf(folder: ModelFolder | null): TokenizerFacts | null {
  return (folder?.facts.features.tokenizer as TokenizerFacts | undefined) ?? null;
}

/** Checks whether a job's tokenizer is the one in its model's folder. */
export function isFolderTokenizer(named: string, folder: ModelFolder | null): boolean {
  const facts = tokenizerFactsOf(folder);
  return folder !== null && facts !== null && named === below(folder.path, facts.file);
}
