import { isObject } from "../../../../shared/core/json-object.ts";
import { parseJson } from "../../../../shared/core/parse-json.ts";
import { decodeDocument } from "../../../../shared/core/utf8.ts";
import type { FieldType } from "../../../../shared/domain/dataset.ts";
import type { NamedFile, ReadNotice } from "../../../../shared/extension/notice.ts";
import { readFiles } from "./files.ts";
import { type InvalidMessage, invalid } from "./problem.ts";
import { expectedOf, fitted, MISFIT, type Value } from "./values.ts";

/** Message form that the job declares. */
type MessageForm =
  /** One row, as a JSON object. */
  | { readonly kind: "row"; readonly columns: MessageColumns }
  /** Rows, as JSON objects on lines or in an array. */
  | { readonly kind: "rows"; readonly columns: MessageColumns }
  /** Files: a store's notices, or `{"path": ...}`, `{"paths": [...]}`. */
  | { readonly kind: "files"; readonly notices: readonly ReadNotice[] };

/** Column types by name, in order. */
export type MessageColumns = ReadonlyMap<string, FieldType>;

/** Values in the order of the columns. */
export type MessageRow = readonly Value[];

type ReadMessage =
  | { readonly kind: "rows"; readonly rows: readonly MessageRow[] }
  | { readonly kind: "files"; readonly files: readonly NamedFile[] }
  /** Valid message without rows or files: a store's test, a removed object, an empty array. */
  | { readonly kind: "nothing" }
  | InvalidMessage;

/** Reads a message as a whole, or returns its problem. Throws nothing. */
export function readMessage(form: MessageForm, body: Uint8Array): ReadMessage {
  const text = textOf(body);
  if (text === null) return invalid("the message", "is not text", "UTF-8");
  switch (form.kind) {
    case "row":
      return readRows(form.columns, [{ where: "the message", json: parseJson(text), text }]);
    case "rows": {
      const objects = text.trimStart().startsWith("[") ? itemsOf(text) : linesOf(text);
      if (objects === null) return invalid("the message", "is not a JSON array", "JSON", text);
      return objects.length === 0 ? { kind: "nothing" } : readRows(form.columns, objects);
    }
    case "files":
      return readFiles(text, form.notices);
  }
}

interface Source {
  readonly where: string;
  /** Parsed JSON. Undefined: the text is no JSON. */
  readonly json: unknown;
  readonly text: string;
}

function itemsOf(text: string): Source[] | null {
  const array = parseJson(text);
  if (!Array.isArray(array)) return null;
  return array.map((json: unknown, index) => ({ where: `item ${index}`, json, text: JSON.stringify(json) }));
}

function linesOf(text: string): Source[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      line.trim() === "" ? [] : [{ where: `line ${index + 1}`, json: parseJson(line), text: line }],
    );
}

function readRows(columns: MessageColumns, sources: readonly Source[]): ReadMessage {
  const rows: MessageRow[] = [];
  for (const { where, json, text } of sources) {
    if (!isObject(json)) return invalid(where, "is not a JSON object", '{"column": value, ...}', text);
    const row: Value[] = [];
    for (const [name, type] of columns) {
      // A missing column is null, as in JSON Lines.
      const given = Object.hasOwn(json, name) ? json[name] : null;
      const value = fitted(type, given);
      if (value === MISFIT) {
        const place = where === "the message" ? name : `${where}, ${name}`;
        return invalid(place, "does not have its column's type", expectedOf(type), given);
      }
      row.push(value);
    }
    rows.push(row);
  }
  return { kind: "rows", rows };
}

function textOf(body: Uint8Array): string | null {
  try {
    return decodeDocument(body);
  } catch {
    return null;
  }
}
