import { indexText } from "../../../extensions/csv-json/index-text.ts";
import type { TextForm } from "../../../extensions/csv-json/op.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import type { DatasetFile } from "../../../shared/dataset/dataset-file.ts";
import { type FormatReaders, openInputFile } from "../../../shared/dataset/open-input-file.ts";
import { typeOfName } from "../../../shared/domain/column-type-names.ts";
import type { Field, InputFile } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { type MemorySource, memorySource } from "../../support/memory-source.ts";
import { plainAndBad } from "../../support/read-rows.ts";

/** Reader of listed files, for files that list none. */
export const NO_FETCH = () => Promise.reject(new Error("records are not listed files"));

export interface OpenText {
  readonly source: MemorySource;
  readonly planned: InputFile;
  readonly file: DatasetFile;
}

/** Returns columns by the type names of job files. */
export function fieldsOf(types: Readonly<Record<string, string>>): Field[] {
  return Object.entries(types).map(([name, type]) => ({ name, type: typeOfName(type), nullable: true }));
}

/** Indexes a text file as a plan does, with an entry every `stretchBytes`, and opens it as a worker does. */
export async function openText(
  content: Uint8Array,
  form: TextForm,
  { readers, stretchBytes = 1 }: { readonly readers: FormatReaders; readonly stretchBytes?: number },
): Promise<OpenText> {
  const path = parseLocation("/data/a.txt");
  const source = memorySource(content, path);
  const { index, rows, sha256 } = await indexText(source, form, { stretchBytes, signal: NEVER });
  const planned: InputFile = {
    path,
    format: form.kind,
    bytes: content.length,
    version: "1",
    rows,
    footerSha256: sha256,
    text: index,
  };
  return {
    source,
    planned,
    file: await openInputFile(source, planned, { readers, fetch: NO_FETCH, signal: NEVER }),
  };
}

/** Reads lines of JSON with columns of these types. Returns rows, and the messages of bad ones. */
export async function readJsonLines(
  readers: FormatReaders,
  lines: readonly string[],
  types: Readonly<Record<string, string>>,
) {
  const form: TextForm = { kind: "json", fields: fieldsOf(types) };
  const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
  using _ = file;
  const { rows, bad } = await plainAndBad(file);
  return { rows, bad: new Map(bad.map(({ row, message }) => [row, message])) };
}
