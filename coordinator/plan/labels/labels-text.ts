import { isGroup } from "../../../shared/core/is-group.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";

/** Entry of a Python dict, as Ultralytics writes class names: `0: 'person'`. */
const PYTHON_ENTRY = /\b(\d+)\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;

/**
 * Returns the labels in a text, in index order. Null: an index has no label.
 *
 * - A JSON list of labels.
 * - A JSON group of labels by index (`id2label`), or of indices by label (`vocab.json`).
 * - A Python dict of labels by index, as in the metadata of Ultralytics.
 * - Else a label in each line.
 */
export function labelsOf(text: string): readonly string[] | null {
  const value = parseJson(text);
  if (Array.isArray(value)) return value.every((label) => typeof label === "string") ? value : null;
  if (isGroup(value)) return byIndex(Object.entries(value).map(entryOf));
  const trimmed = text.trim();
  if (/^\{\s*\d+\s*:/.test(trimmed) && trimmed.endsWith("}")) return byIndex(pythonEntries(trimmed));
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}

type Entry = readonly [index: unknown, label: unknown];

function entryOf([key, value]: readonly [string, unknown]): Entry {
  return typeof value === "number" ? [value, key] : [Number(key), value];
}

function pythonEntries(text: string): readonly Entry[] {
  return [...text.matchAll(PYTHON_ENTRY)].map(([, index, single, double]) => {
    return [Number(index), (single ?? double ?? "").replace(/\\(.)/g, "$1")];
  });
}

function byIndex(entries: readonly Entry[]): readonly string[] | null {
  const labels = new Map(entries);
  const sorted = entries.map((_, index) => labels.get(index));
  return sorted.length > 0 && sorted.every((label) => typeof label === "string") ? sorted : null;
}
