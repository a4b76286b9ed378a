import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { inputCorrupt, inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { typeOfName } from "../../shared/domain/column-type-names.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { FoundForm, RequestedForm } from "../../shared/extension/format.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { splitName } from "./member-name.ts";
import { KEY_COLUMN, type TarForm } from "./op.ts";
import { PieceReader } from "./piece-reader.ts";
import { MOST_ENDINGS, type TarSpec } from "./spec.ts";
import { contentOf, packingOf } from "./tar-content.ts";
import { walkTar } from "./walk-tar.ts";

/** Bytes of each file in which endings are looked for, and at least two rows. */
const SAMPLE_BYTES = 8 << 20;

/** Form of tars, as planning finds it. */
export interface FoundTar extends FoundForm {
  readonly form: TarForm;
}

/**
 * Finds the columns of tars: the endings that the job lists, or those of the first rows, in their order.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {SPEC_INVALID}
 */
export async function findColumns(
  sources: readonly ByteSource[],
  { options, types }: RequestedForm,
  signal: AbortSignal,
): Promise<FoundTar> {
  const listed = (options as TarSpec | null)?.endings;
  const endings = new Set(listed);
  if (listed === undefined)
    for (const source of sources)
      for (const ending of await firstEndings(source, signal)) endings.add(ending);
  refuseEndings(endings, sources[0]?.path ?? "");
  refuseTypes(endings, types);
  const fields = [...endings].map((name): Field => {
    const type = types[name];
    return { name, type: type === undefined ? typeOfEnding(name) : typeOfName(type), nullable: true };
  });
  const key: Field = { name: KEY_COLUMN, type: { kind: "string" }, nullable: false };
  const form: TarForm = {
    kind: "webdataset",
    fields: [key, ...fields],
    skipsOthers: listed !== undefined,
  };
  return { form, textCauses: [] };
}

function refuseEndings(endings: ReadonlySet<string>, path: string): void {
  if (endings.size === 0)
    throw inputCorrupt({ path, where: "members", expected: "a member named STEM.ENDING", found: "none" });
  const unusable = ["", KEY_COLUMN].find((each) => endings.has(each));
  if (endings.size <= MOST_ENDINGS && unusable === undefined) return;
  throw inputUnsupported(
    path,
    unusable === undefined ? `more than ${MOST_ENDINGS} endings` : `the ending ${JSON.stringify(unusable)}`,
    "name members STEM.ENDING without other dots, or list the endings of columns in input.webdataset.endings",
  );
}

async function firstEndings(source: ByteSource, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const endings = new Set<string>();
  const pieces = contentOf(source, await packingOf(source, signal), signal);
  const reader = new PieceReader(pieces);
  let rows = 0;
  let key: string | null = null;
  try {
    for await (const { name, kind } of walkTar(reader, source.path)) {
      const parts = kind === "other" ? null : splitName(name);
      if (parts === null) continue;
      rows += parts.key === key ? 0 : 1;
      if (rows > 2 && reader.at > SAMPLE_BYTES) break;
      ({ key } = parts);
      endings.add(parts.ending);
    }
  } finally {
    await reader.end();
  }
  return endings;
}

/** Types by the last part of an ending, as `basichandlers` of the library decodes it. */
const TYPES: readonly (readonly [endings: readonly string[], type: FieldType])[] = [
  [["txt", "text", "transcript", "json", "jsn"], { kind: "string" }],
  [["cls", "cls2", "index", "inx", "id"], { kind: "numeric", type: "int64" }],
];

function typeOfEnding(ending: string): FieldType {
  const last = ending.slice(ending.lastIndexOf(".") + 1);
  return TYPES.find(([endings]) => endings.includes(last))?.[1] ?? { kind: "binary" };
}

/** Types that text is parsed as. */
const PARSED = /^(u?int(8|16|32|64)|float(32|64)|string)$/;

function refuseTypes(endings: ReadonlySet<string>, types: RequestedForm["types"]): void {
  const problems = Object.entries(types).flatMap(([name, type]): Problem[] => {
    const where = `input.types.${name}`;
    if (!endings.has(name)) {
      const expected = [...endings].slice(0, 20).join(", ");
      return [{ where, what: "the WebDataset files have no such ending", expected, found: name }];
    }
    if (PARSED.test(type)) return [];
    const what = "not a type of a WebDataset column";
    return [
      { where, what, expected: "string, int8 to int64, uint8 to uint64, float32 or float64", found: type },
    ];
  });
  if (problems.length > 0)
    throw new ShardmillError("SPEC_INVALID", "types are set that WebDataset columns cannot have", {
      problems,
    });
}
