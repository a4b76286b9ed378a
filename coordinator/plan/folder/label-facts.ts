import { isGroup } from "../../../shared/core/is-group.ts";
import type { Settings } from "./settings.ts";

/**
 * Reads the names of a model's classes from `id2label` or timm's `label_names`. Each index from 0 needs a
 * name. If both are present, they must agree. So must `label2id` and the number of classes, if present.
 */
export function readLabels(config: Settings): readonly string[] | null {
  const byId = config.group("id2label");
  const named = config.value("label_names");
  const labels = byId === null ? null : namesOf("id2label", byId, config);
  if (byId !== null && labels === null) return null;
  const names = named === null ? null : namesOf("label_names", named, config);
  if (named !== null && names === null) return null;
  const found = labels ?? names;
  if (found === null || found.length === 0) return null;
  if (labels !== null && names !== null && labels.join("\0") !== names.join("\0"))
    return config.doubt("label_names", "are other names than those in id2label");
  const key = labels === null ? "num_classes" : "num_labels";
  const declared = config.number(key);
  if (declared !== null && declared !== found.length)
    return config.doubt(key, `is not the number of names of classes, ${found.length}`);
  return contradicted(found, config) ? null : found;
}

/** Returns a name for each index. Null, with a doubt: an index has none. */
function namesOf(key: string, value: unknown, config: Settings): readonly string[] | null {
  const entries = Array.isArray(value) ? { ...value } : value;
  if (!isGroup(entries)) return config.doubt(key, "is neither a list nor a group of names");
  const count = Object.keys(entries).length;
  const names: string[] = [];
  for (let id = 0; id < count; id += 1) {
    const name = Object.hasOwn(entries, String(id)) ? entries[String(id)] : undefined;
    if (typeof name !== "string") return config.doubt(key, `has no name for class ${id} of ${count}`);
    names.push(name);
  }
  return names;
}

/** Checks whether `label2id` contradicts the labels, and then adds a doubt. */
function contradicted(labels: readonly string[], config: Settings): boolean {
  const byLabel = config.group("label2id");
  const wrong = labels.findIndex(
    (label, id) => byLabel !== null && (!Object.hasOwn(byLabel, label) || byLabel[label] !== id),
  );
  if (wrong < 0) return false;
  const label = JSON.stringify(labels[wrong]);
  config.doubt("label2id", `does not give class ${wrong} the name ${label}, as id2label does`);
  return true;
}
