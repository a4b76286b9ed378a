import type { Problem } from "../../../shared/core/errors.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import type {
  DoubtAbout,
  FolderDoubt,
  ModelFolder,
  SoundFacts,
} from "../../../shared/domain/model-folder.ts";
import { readImage } from "./image-facts.ts";
import { readPooling } from "./pooling-facts.ts";
import { isGroup, Settings } from "./settings.ts";
import { readTokenizer } from "./text-facts.ts";

/** The files that say something, all of JSON, from the model's folder. */
export const SETTINGS_FILES = [
  "config.json",
  "tokenizer_config.json",
  "preprocessor_config.json",
  "modules.json",
  "1_Pooling/config.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
] as const;
type SettingsFile = (typeof SETTINGS_FILES)[number];

/** The library's own format, which holds a whole tokenizer. Here only seen to be there. */
export const TOKENIZER_FILE = "tokenizer.json";

/** What a folder's files say: facts and doubts, or why they cannot be read at all. */
type FactsRead =
  | { readonly kind: "read"; readonly said: Pick<ModelFolder, "facts" | "doubts"> }
  | { readonly kind: "unreadable"; readonly problems: readonly Problem[] };

/**
 * Reads what the files of a model's folder say. A setting that is not understood, or that another
 * contradicts, is unknown and a doubt; a file that is no JSON is a problem.
 *
 * @param texts of the files that there are, by name
 */
export function readFacts(texts: ReadonlyMap<string, string>, hasTokenizer: boolean): FactsRead {
  const values = new Map<SettingsFile, unknown>();
  const problems: Problem[] = [];
  for (const file of SETTINGS_FILES) {
    const text = texts.get(file);
    if (text === undefined) continue;
    const value = parseJson(text);
    const isRight = file === "modules.json" ? Array.isArray(value) : isGroup(value);
    if (isRight) values.set(file, value);
    else {
      const expected = file === "modules.json" ? "a list of modules in JSON" : "a group of keys in JSON";
      problems.push({ where: file, what: "the file cannot be understood", expected, found: beginning(text) });
    }
  }
  if (problems.length > 0) return { kind: "unreadable", problems };
  const doubts: FolderDoubt[] = [];
  const settings = (file: SettingsFile, about: DoubtAbout) => {
    const value = values.get(file);
    return new Settings(isGroup(value) ? value : columnsOf(value), { file, about }, doubts);
  };
  const config = settings("config.json", "labels");
  const modules = settings("modules.json", "pooling");
  const facts = {
    architecture: readArchitecture(config),
    labels: readLabels(config),
    multiLabel: config.text("problem_type") === "multi_label_classification",
    tokenizer: hasTokenizer
      ? readTokenizer(TOKENIZER_FILE, {
          own: settings("tokenizer_config.json", "tokenizer"),
          sentence: settings("sentence_bert_config.json", "tokenizer"),
          prompts: settings("config_sentence_transformers.json", "tokenizer"),
          model: settings("config.json", "tokenizer"),
        })
      : null,
    image: readImage(settings("preprocessor_config.json", "image")),
    sound: readSound(settings("preprocessor_config.json", "sound")),
    pooling: readPooling(
      settings("1_Pooling/config.json", "pooling"),
      values.get("modules.json") ?? null,
      modules,
    ),
  };
  return { kind: "read", said: { facts, doubts } };
}

/** Of a list of groups, what each has under a key: `type` of the modules. */
function columnsOf(list: unknown): Readonly<Record<string, unknown>> {
  const groups = Array.isArray(list) ? list.filter(isGroup) : [];
  const keys = new Set(groups.flatMap((group) => Object.keys(group)));
  return Object.fromEntries([...keys].map((key) => [key, groups.map((group) => group[key])]));
}

function readArchitecture(config: Settings): string | null {
  const names = config.value("architectures");
  const [only] = Array.isArray(names) ? names : [];
  return typeof only === "string" ? only : null;
}

/** `id2label` has a name for each index from 0 on, and `label2id`, where it is there, says the same. */
function readLabels(config: Settings): readonly string[] | null {
  const byId = config.group("id2label");
  if (byId === null) return null;
  const count = Object.keys(byId).length;
  const labels: string[] = [];
  for (let id = 0; id < count; id += 1) {
    const label = Object.hasOwn(byId, String(id)) ? byId[String(id)] : undefined;
    if (typeof label !== "string") return config.doubt("id2label", `has no name for class ${id} of ${count}`);
    labels.push(label);
  }
  if (count === 0) return null;
  const declared = config.number("num_labels");
  if (declared !== null && declared !== count) {
    return config.doubt("num_labels", `is not the number of names in id2label, ${count}`);
  }
  const byLabel = config.group("label2id");
  const wrong = labels.findIndex(
    (label, id) => byLabel !== null && (!Object.hasOwn(byLabel, label) || byLabel[label] !== id),
  );
  if (wrong < 0) return labels;
  const label = JSON.stringify(labels[wrong]);
  return config.doubt("label2id", `does not give class ${wrong} the name ${label}, as id2label does`);
}

/** How sounds become samples, by `preprocessor_config.json`; null where it is not about sounds. */
function readSound(settings: Settings): SoundFacts | null {
  if (settings.value("sampling_rate") === null) return null;
  const rate = settings.number("sampling_rate");
  const isRate = rate !== null && Number.isInteger(rate) && rate > 0;
  return {
    rate:
      isRate || rate === null ? rate : settings.doubt("sampling_rate", "is no number of samples a second"),
    normalize: settings.flag("do_normalize"),
  };
}

const MAX_FOUND_CHARS = 40;

function beginning(text: string): string {
  return text === "" ? "nothing" : JSON.stringify(text.slice(0, MAX_FOUND_CHARS));
}
