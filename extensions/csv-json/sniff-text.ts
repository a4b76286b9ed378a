import { rm } from "node:fs/promises";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { typeOfName } from "../../shared/domain/column-type-names.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import type { FoundForm } from "../../shared/extension/format.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { decodeLoosely } from "./encodings.ts";
import { oddKeys, SeenValues } from "./json/infer-types.ts";
import { JsonScanner } from "./json/json-scanner.ts";
import { nestsTooDeep } from "./nesting.ts";
import type { JsonForm, TextForm, TextFormat } from "./op.ts";
import { sniffCsv } from "./sniff-csv.ts";
import type { CsvSpec } from "./spec.ts";
import { recordsOf, type TextSample } from "./text-sample.ts";

/** Job settings of text files. */
export interface TextSpec {
  /** CSV options. Null: none. A draft of a job has some options, without defaults. */
  readonly csv: Partial<CsvSpec> | null;
  readonly types: Readonly<Record<string, string>>;
}

/** Detected form of a job's text files. */
export interface FoundText extends FoundForm {
  readonly form: TextForm;
  /** Header of every file with rows. Null: none. */
  readonly header: string | null;
  /** Path of the file with that header. */
  readonly path: string;
}

const CSV_DEFAULTS: CsvSpec = { nulls: [""], decimal: "." };

/**
 * Detects the form and columns of one format's files, from the beginnings of some of them.
 *
 * @throws {INPUT_UNSUPPORTED} when the form cannot be detected
 * @throws {SPEC_INVALID} when the job sets the type of a missing CSV column
 */
export async function sniffText(
  samples: readonly TextSample[],
  format: TextFormat,
  { csv: options, types }: TextSpec,
): Promise<FoundText> {
  const csv = { ...CSV_DEFAULTS, ...options };
  const folder = await makeTempFolder("sample");
  try {
    await using database = await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder });
    const place = { database, folder };
    const { form, header, textCauses } =
      format === "csv"
        ? await sniffCsv(decodedSamples(samples, csv), csv, place)
        : { form: sniffJson(samples), header: null, textCauses: [] };
    const path = samples.find(({ content }) => content.length > 0)?.path ?? samples[0]?.path ?? "";
    const { encoding } = csv;
    const read = form.kind === "csv" && encoding !== undefined ? { ...form, encoding } : form;
    const isFound = ({ column }: TextCause) => types[column] === undefined;
    return { form: withTypes(read, types), header, path, textCauses: textCauses.filter(isFound) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the samples in UTF-8, without byte order marks. */
function decodedSamples(
  samples: readonly TextSample[],
  { encoding = "utf-8" }: CsvSpec,
): readonly TextSample[] {
  if (encoding === "utf-8") return samples;
  return samples.map(({ content, ...sample }) => ({
    ...sample,
    content: Buffer.from(decodeLoosely(content, encoding).replace(/^\ufeff/, "")),
  }));
}

/** Detects the columns of JSON Lines: the keys of the objects in the samples. Other lines are skipped. */
function sniffJson(samples: readonly TextSample[]): JsonForm {
  const none: JsonForm = { kind: "json", fields: [] };
  const seen = new SeenValues();
  for (const sample of samples) {
    for (const line of recordsOf(sample, none, 0).records) {
      if (!nestsTooDeep(line, 0, line.length)) seen.addLine(new JsonScanner(line), 0, line.length);
    }
  }
  const odd = oddKeys(seen.members.keys());
  if (odd !== null)
    throw inputUnsupported(
      samples[0]?.path ?? "",
      odd,
      "give each key a name that SQL can distinguish from the others",
    );
  return { kind: "json", fields: seen.fields() };
}

/** Applies the types that the job sets. In JSON a typed key is a column even if no sample has it. */
function withTypes(form: TextForm, types: TextSpec["types"]): TextForm {
  const known = new Set(form.fields.map(({ name }) => name));
  const others = Object.keys(types).filter((name) => !known.has(name));
  if (form.kind === "csv" && others.length > 0) throw noColumns(others, [...known]);
  const fields = [...form.fields, ...others.map((name) => ({ name, type: STRING, nullable: true }))].map(
    (field) => {
      const named = types[field.name];
      return named === undefined ? field : { ...field, type: typeOfName(named) };
    },
  );
  return { ...form, fields };
}

const STRING = { kind: "string" } as const;

function noColumns(names: readonly string[], known: readonly string[]): ShardmillError {
  const problems = names.map(
    (name): Problem => ({
      where: `input.types.${name}`,
      what: "the CSV files have no such column",
      expected: known.slice(0, 20).join(", "),
      found: name,
    }),
  );
  return new ShardmillError("SPEC_INVALID", "types are set for columns that do not exist", { problems });
}
