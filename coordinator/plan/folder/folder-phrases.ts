import { FOLDER_PARTS } from "../../../shared/domain/features.ts";
import type { FolderFacts, ModelFolder, PoolingFacts } from "../../../shared/domain/model-folder.ts";

/** Limit of shown labels. */
const MOST_LABELS = 6;

/** Describes the facts of a model's folder, line by line. Unclear settings come last. */
export function folderPhrases({ facts, doubts }: ModelFolder): readonly (readonly [string, string])[] {
  return [...factPhrases(facts), ...doubts.map(doubtPhrase)];
}

function factPhrases(facts: FolderFacts): readonly [string, string][] {
  const { architecture, labels, multiLabel, pooling, features } = facts;
  return [
    ...(architecture === null ? [] : [["architecture", architecture] as [string, string]]),
    ...(labels === null ? [] : [["labels", labelsPhrase(labels)] as [string, string]]),
    ...(multiLabel
      ? [["classes", "a row may have several of them, or none: `op: threshold`"] as [string, string]]
      : []),
    ...FOLDER_PARTS.flatMap(({ key, folder }): [string, string][] => {
      const said = features[key];
      return folder === undefined || said === undefined ? [] : [[key, folder.show(said)]];
    }),
    ...(pooling === null ? [] : [["pooling", poolingPhrase(pooling)] as [string, string]]),
  ];
}

function doubtPhrase({ about, where, what, found }: ModelFolder["doubts"][number]): [string, string] {
  return [`unclear: ${about}`, `${where} ${what} (${found})`];
}

function labelsPhrase(labels: readonly string[]): string {
  const shown = labels.slice(0, MOST_LABELS).join(", ");
  const more = labels.length > MOST_LABELS ? `, ... (${labels.length})` : "";
  return `${shown}${more}`;
}

function poolingPhrase({ pool, normalize }: PoolingFacts): string {
  return normalize ? `${pool}, normalized` : pool;
}
