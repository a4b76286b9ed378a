import type { PoolingFacts, TokenizerFacts } from "../../../shared/domain/model-folder.ts";
import { isGroup, type Settings } from "./settings.ts";

/** Exporters write 1e30 for "no limit". No model reads texts of so many tokens. */
const MOST_TOKENS = 10_000_000;

interface TokenizerFiles {
  /** `tokenizer_config.json`. */
  readonly own: Settings;
  /** `sentence_bert_config.json`: its limit is the one that its maker's library uses. */
  readonly sentence: Settings;
  /** `config_sentence_transformers.json`. */
  readonly prompts: Settings;
  /** `config.json`. */
  readonly model: Settings;
}

/** How a text becomes the tokens of `file`. */
export function readTokenizer(file: string, files: TokenizerFiles): TokenizerFacts {
  const side = files.own.text("truncation_side");
  const isSide = side === "left" || side === "right";
  if (side !== null && !isSide) files.own.doubt("truncation_side", "is neither left nor right");
  return {
    file,
    maxTokens: readMaxTokens(files),
    truncation: isSide ? side : null,
    prompts: readPrompts(files.prompts),
  };
}

function readMaxTokens({ own, sentence, model }: TokenizerFiles): number | null {
  const ofSentence = sentence.number("max_seq_length");
  const [settings, key, value] =
    ofSentence === null
      ? ([own, "model_max_length", own.number("model_max_length")] as const)
      : ([sentence, "max_seq_length", ofSentence] as const);
  if (value === null || value > MOST_TOKENS) return null;
  if (!Number.isInteger(value) || value < 1) return settings.doubt(key, "is not a number of tokens");
  const most = model.number("max_position_embeddings");
  if (most === null || value <= most) return value;
  return settings.doubt(key, `is more than config.json allows: max_position_embeddings is ${most}`);
}

function readPrompts(settings: Settings): Record<string, string> {
  const entries = Object.entries(settings.group("prompts") ?? {});
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  if (texts.length < entries.length) settings.doubt("prompts", "is not texts by name");
  return Object.fromEntries(texts.filter(([, text]) => text !== ""));
}

/** The flags of a pooling's configuration; null for what no single pooling here does. */
const POOLINGS = {
  pooling_mode_mean_tokens: "mean",
  pooling_mode_cls_token: "cls",
  pooling_mode_max_tokens: "max",
  pooling_mode_lasttoken: "last",
  pooling_mode_mean_sqrt_len_tokens: null,
  pooling_mode_weightedmean_tokens: null,
} as const satisfies Record<string, PoolingFacts["pool"] | null>;

/** How the vectors of tokens become one vector of the row. */
export function readPooling(pooling: Settings, modules: readonly string[] | null): PoolingFacts | null {
  const chosen = Object.entries(POOLINGS).filter(([key]) => pooling.flag(key) === true);
  const [first, ...more] = chosen;
  if (first === undefined) {
    return pooling.keys.length === 0
      ? null
      : pooling.doubt("pooling_mode_mean_tokens", "no pooling is chosen");
  }
  const [key, pool] = first;
  if (more.length > 0)
    return pooling.doubt(key, `is put together with ${more.map(([other]) => other).join(", ")}`);
  if (pool === null) return pooling.doubt(key, "is a pooling that is not known here");
  return { pool, normalize: modules?.includes("Normalize") ?? false };
}

/** What `modules.json` runs one after the other. */
const KNOWN_MODULES: readonly string[] = ["Transformer", "Pooling", "Normalize"];

/** The last part of each module's type, in order; null without such a file. */
export function readModules(value: unknown, settings: Settings): readonly string[] | null {
  if (value === null) return null;
  const modules = Array.isArray(value) ? value : [];
  const names = modules.flatMap((module) =>
    isGroup(module) && typeof module.type === "string" ? [module.type.split(".").at(-1) ?? ""] : [],
  );
  if (!Array.isArray(value) || names.length < modules.length) {
    settings.doubt("type", "is not a list of modules with their types");
  }
  const unknown = names.filter((name) => !KNOWN_MODULES.includes(name));
  if (unknown.length > 0) {
    settings.doubt("type", `the maker's library also runs ${unknown.join(", ")}, which no setting here does`);
  }
  return names;
}
