import type { FolderReader, FolderSettings } from "../../shared/extension/feature.ts";
import { TOKENIZER_FILE, type TokenizerFacts } from "./op.ts";

/** Upper bound of a plausible limit. Exporters write 1e30 for "no limit". */
const MOST_TOKENS = 10_000_000;

interface TokenizerFiles {
  readonly own: FolderSettings;
  /** `sentence_bert_config.json`. Its limit is the one that sentence-transformers applies. */
  readonly sentence: FolderSettings;
  readonly prompts: FolderSettings;
  readonly model: FolderSettings;
}

/** Reads the folder's settings for its tokenizer. Null: the folder has no tokenizer. */
export const readTokenizerFacts: FolderReader = (open, has) => {
  if (!has(TOKENIZER_FILE)) return null;
  const facts = factsOf({
    own: open("tokenizer_config.json"),
    sentence: open("sentence_bert_config.json"),
    prompts: open("config_sentence_transformers.json"),
    model: open("config.json"),
  });
  return { ...facts };
};

function factsOf(files: TokenizerFiles): TokenizerFacts {
  const side = files.own.text("truncation_side");
  const isSide = side === "left" || side === "right";
  if (side !== null && !isSide) files.own.doubt("truncation_side", "is neither left nor right");
  if (files.sentence.flag("do_lower_case") === true) {
    const what = "is not supported: make texts lower case with `lower(...)` in map.prepare";
    files.sentence.doubt("do_lower_case", what);
  }
  const mostTokens = readMostTokens(files.model);
  return {
    file: TOKENIZER_FILE,
    ...readLimit(files, mostTokens),
    mostTokens,
    truncation: isSide ? side : null,
    prompts: readPrompts(files.prompts),
  };
}

/** Returns the token limit of a row, and the key that sets it. */
function readLimit(
  { own, sentence }: TokenizerFiles,
  mostTokens: number | null,
): Pick<TokenizerFacts, "maxTokens" | "maxTokensFrom"> {
  const ofSentence = sentence.number("max_seq_length");
  const [settings, key, value] =
    ofSentence === null
      ? ([own, "model_max_length", own.number("model_max_length")] as const)
      : ([sentence, "max_seq_length", ofSentence] as const);
  const nothing = { maxTokens: null, maxTokensFrom: null };
  if (value === null || value > MOST_TOKENS) return nothing;
  const isTokens = Number.isInteger(value) && value > 0;
  if (isTokens && (mostTokens === null || value <= mostTokens))
    return { maxTokens: value, maxTokensFrom: settings.where(key) };
  const tooMany = `is more than the ${mostTokens} positions in config.json`;
  settings.doubt(key, isTokens ? tooMany : "is not a number of tokens");
  return nothing;
}

/** Values of `model_type` whose positions are counted from behind the padding id. */
const COUNTED_FROM_PADDING: readonly string[] = [
  ...["roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "mpnet"],
  ...["longformer", "data2vec-text", "ibert", "xmod", "luke", "lilt", "markuplm"],
];

/** Padding id of these models if `config.json` has none. */
const USUAL_PADDING = 1;

/** Returns the number of positions. A row of more tokens would fail in the model. */
function readMostTokens(model: FolderSettings): number | null {
  const most = model.number("max_position_embeddings");
  if (most === null || most > MOST_TOKENS) return null;
  const isCounted = COUNTED_FROM_PADDING.includes(model.text("model_type") ?? "");
  const before = isCounted ? (model.number("pad_token_id") ?? USUAL_PADDING) + 1 : 0;
  const left = most - before;
  return Number.isInteger(left) && left > 0
    ? left
    : model.doubt("max_position_embeddings", "is not a number of positions");
}

function readPrompts(settings: FolderSettings): Record<string, string> {
  const entries = Object.entries(settings.group("prompts") ?? {});
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  if (texts.length < entries.length) settings.doubt("prompts", "does not map names to texts");
  const usual = settings.text("default_prompt_name");
  if (usual !== null && texts.some(([name, text]) => name === usual && text !== ""))
    settings.doubt(
      "default_prompt_name",
      "is a prompt that the library of the model's author writes before every text: set it with `prefix`",
    );
  return Object.fromEntries(texts.filter(([, text]) => text !== ""));
}
