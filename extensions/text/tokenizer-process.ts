import { answerIsolated } from "../../shared/onnx/isolated.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { readText } from "../../shared/storage/whole-file.ts";
import type { TokenizerAnswer, TokenizerQuestion } from "./read-tokenizer.ts";
import { NoTokenizerError, readTokenizerFile } from "./text-tokenizer.ts";

/**
 * Process of `readTokenizer`. A tokenizer of tens of megabytes takes seconds to read, and its content is
 * untrusted.
 */

async function read({ location }: TokenizerQuestion): Promise<TokenizerAnswer> {
  const { signal } = new AbortController();
  await using storages = new Storages({});
  try {
    const json = await readText(await storages.at(location), location, signal);
    return { kind: "read", facts: await readTokenizerFile(json, signal) };
  } catch (error) {
    // A storage error is also reported by the digest of the same file.
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "refused", why: error instanceof NoTokenizerError ? why : `it cannot be read: ${why}` };
  }
}

answerIsolated((question) => read(question as TokenizerQuestion));
