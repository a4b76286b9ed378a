import { readFacts } from "../../../../../coordinator/plan/folder/read-facts.ts";
import { loadFolderReaders } from "../../../../../shared/domain/features.ts";

const READERS = await loadFolderReaders();

type Files = Readonly<Record<string, unknown>>;

/** Reads the facts of a folder's files. Text content is used unchanged. */
export function read(files: Files, hasTokenizer = false) {
  const texts = Object.entries(files).map(
    ([name, content]) => [name, typeof content === "string" ? content : JSON.stringify(content)] as const,
  );
  return readFacts(new Map(texts), () => hasTokenizer, READERS);
}

export function said(files: Files, hasTokenizer = false) {
  const found = read(files, hasTokenizer);
  if (found.kind !== "read") throw new Error(JSON.stringify(found.problems));
  return found.said;
}

export function doubts(files: Files, hasTokenizer = false) {
  return said(files, hasTokenizer).doubts.map(({ about, where }) => [about, where]);
}
