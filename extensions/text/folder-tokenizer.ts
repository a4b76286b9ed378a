import { below } from "../../shared/domain/location.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { TokenizerFacts } from "./op.ts";

/** Returns the facts about a model's tokenizer. Null: the folder has none. */
export function tokenizerFactsOf(folder: ModelFolder | null): TokenizerFacts | null {
  return (folder?.facts.features.tokenizer as TokenizerFacts | undefined) ?? null;
}

/** Returns whether a tokenizer that a job names, or is left to, is that of its model's folder. */
export function isFolderTokenizer(named: string, folder: ModelFolder | null): boolean {
  const facts = tokenizerFactsOf(folder);
  return folder !== null && facts !== null && named === below(folder.path, facts.file);
}
