import type { Problem } from "../../../shared/core/errors.ts";
import { isGroup } from "../../../shared/core/is-group.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import type { DoubtAbout, FolderDoubt, ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { FolderReader } from "../../../shared/extension/feature.ts";
import { readLabels } from "./label-facts.ts";
import { readPooling } from "./pooling-facts.ts";
import { Settings } from "./settings.ts";

/** JSON files in the model's folder that have facts. */
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

/** Facts and doubts of a folder's files, or the problems of unreadable ones. */
type FactsRead =
  | { readonly kind: "read"; readonly said: Pick<ModelFolder, "facts" | "doubts"> }
  | { readonly kind: "unreadable"; readonly problems: readonly Problem[] };

/**
 * Reads the facts in the files of a model's folder. A setting that is not understood or contradicted is
 * unknown, and a doubt. A file that is not JSON is a problem.
 *
 * @param texts texts of the files that are read, by name
 * @param has returns whether the folder has a file
 * @param readers readers by key
 */
export function readFacts(
  texts: ReadonlyMap<string, string>,
  has: (file: string) => boolean,
  readers: ReadonlyMap<string, FolderReader>,
): FactsRead {
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
  const ofFeature = (about: string) => (file: string, group?: string) => {
    const known = SETTINGS_FILES.find((each) => each === file);
    const opened = known === undefined ? new Settings({}, { file, about }, doubts) : settings(known, about);
    if (group === undefined) return opened;
    const value = opened.value(group);
    return new Settings(isGroup(value) ? value : {}, { file: opened.where(group), about }, doubts);
  };
  const facts = {
    architecture: readArchitecture(config),
    labels: readLabels(config),
    multiLabel: readProblem(settings("config.json", "task")) === "multi_label_classification",
    features: Object.fromEntries(
      [...readers].flatMap(([key, read]) => {
        const facts = read(ofFeature(key), has);
        return facts === null ? [] : [[key, facts]];
      }),
    ),
    pooling: readPooling(
      settings("1_Pooling/config.json", "pooling"),
      values.get("modules.json") ?? null,
      modules,
    ),
  };
  return { kind: "read", said: { facts, doubts } };
}

/** Returns the values of each key over a list of groups, such as the `type` of all modules. */
function columnsOf(list: unknown): Readonly<Record<string, unknown>> {
  const groups = Array.isArray(list) ? list.filter(isGroup) : [];
  const keys = new Set(groups.flatMap((group) => Object.keys(group)));
  return Object.fromEntries([...keys].map((key) => [key, groups.map((group) => group[key])]));
}

function readArchitecture(config: Settings): string | null {
  const names = config.value("architectures");
  const [only] = Array.isArray(names) ? names : [config.value("architecture")];
  return typeof only === "string" ? only : null;
}

const PROBLEMS: readonly string[] = [
  "regression",
  "single_label_classification",
  "multi_label_classification",
];

function readProblem(config: Settings): string | null {
  const name = config.text("problem_type");
  if (name === null || PROBLEMS.includes(name)) return name;
  return config.doubt("problem_type", "is an unknown kind of problem");
}

const MAX_FOUND_CHARS = 40;

function beginning(text: string): string {
  return text === "" ? "nothing" : JSON.stringify(text.slice(0, MAX_FOUND_CHARS));
}
