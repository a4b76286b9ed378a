import { isObject } from "../../../../shared/core/json-object.ts";
import { parseJson } from "../../../../shared/core/parse-json.ts";
import { NOTICE_STORES } from "../../../../shared/domain/store-schemes.ts";
import type { NamedFile, ReadNotice } from "../../../../shared/extension/notice.ts";
import { type InvalidMessage, invalid } from "./problem.ts";

type ReadFiles =
  | { readonly kind: "files"; readonly files: readonly NamedFile[] }
  | { readonly kind: "nothing" }
  | InvalidMessage;

/** Limit of nested envelopes. A topic wraps a store's notice, and a subscribed topic wraps that again. */
const MOST_WRAPPINGS = 3;
const FORMS = [
  ...NOTICE_STORES.map((store) => `an event notification of ${store}, `),
  '{"path": "..."} or {"paths": ["..."]}',
].join("");
const PATHS = "non-empty paths";

/** Reads the files that a message names: a store's notice, or `{"path": ...}`, `{"paths": [...]}`. */
export function readFiles(text: string, notices: readonly ReadNotice[], wrappings = 0): ReadFiles {
  const json = parseJson(text);
  if (!isObject(json)) return invalid("the message", "is not a JSON object", FORMS, text);
  if (json.path !== undefined) return pathsOf([json.path]);
  if (json.paths !== undefined) return pathsOf(json.paths);
  for (const read of notices) {
    const notice = read(json);
    if (notice?.kind === "wrapped") {
      if (wrappings < MOST_WRAPPINGS) return readFiles(notice.text, notices, wrappings + 1);
    } else if (notice?.kind === "invalid")
      return invalid(notice.where, notice.what, notice.expected, notice.found);
    else if (notice) return notice;
  }
  return invalid("the message", "names no files", FORMS, text);
}

function pathsOf(paths: unknown): ReadFiles {
  if (!Array.isArray(paths) || paths.length === 0) return invalid("paths", "names no files", PATHS, paths);
  const files: NamedFile[] = [];
  for (const path of paths as unknown[]) {
    if (typeof path !== "string" || path === "") return invalid("path", "is not a path", PATHS, path);
    files.push({ path, version: null });
  }
  return { kind: "files", files };
}
