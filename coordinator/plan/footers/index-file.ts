import { NEVER } from "../../../shared/core/abort.ts";
import { canonicalJson, sha256 } from "../../../shared/core/digest.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { inputUnsupported } from "../../../shared/dataset/input-errors.ts";
import type { TextFormat } from "../../../shared/domain/dataset.ts";
import type { ByteSource } from "../../../shared/storage/storage.ts";
import { encodingHint } from "../../../shared/text-files/encodings.ts";
import { indexText } from "../../../shared/text-files/index-text.ts";
import type { FoundText } from "../../../shared/text-files/sniff-text.ts";
import type { FoundFile } from "../input/discover.ts";
import { type FileFooter, SLICE_BYTES } from "./seal-dataset.ts";

/**
 * What stands for the footer of a text file: where its records lie, found by reading all of it.
 *
 * @throws {INPUT_SCHEMA_MIXED} for another header than the other files have
 * @throws {INPUT_UNSUPPORTED} where most rows are in another encoding
 */
export async function indexFile(
  source: ByteSource,
  { path, format, bytes, version }: FoundFile & { readonly format: TextFormat },
  found: FoundText,
): Promise<FileFooter> {
  const { form } = found;
  const {
    index,
    rows,
    sha256: footerSha256,
    header,
    undecoded,
  } = await indexText(source, form, { signal: NEVER });
  if (header !== null && header !== found.header) throw otherHeader(path, header, found);
  if (undecoded !== null && undecoded.records > rows / 2) {
    const { records, line, byte } = undecoded;
    const what = `bytes that are not UTF-8 in ${records} of ${rows} rows, the first in line ${line} (byte ${byte})`;
    throw inputUnsupported(path, what, encodingHint(format));
  }
  const text = JSON.stringify(form);
  return {
    file: { path, format, bytes, version, rows, footerSha256, text: index },
    fields: form.fields,
    rowGroups: index.stretches.map((stretch) => ({ rows: stretch.rows, bytes: stretch.bytes })),
    statistics: null,
    layout: sha256(canonicalJson(form.fields)),
    // What its form takes goes along with each slice.
    cut: { isOnePiece: index.isGzip, slices: Math.ceil(text.length / SLICE_BYTES) },
    ...(undecoded === null ? {} : { undecoded }),
  };
}

const SHOWN_CHARS = 200;

function otherHeader(
  path: string,
  header: string,
  { header: expected, path: reference }: FoundText,
): ShardmillError {
  const hint = "all CSV files of a job need the same header, with the columns in the same order";
  return new ShardmillError("INPUT_SCHEMA_MIXED", `${path} has another header than ${reference}`, {
    fields: { path, reference },
    problems: [
      {
        where: path,
        what: `its header is not that of ${reference}`,
        expected: (expected ?? "").slice(0, SHOWN_CHARS),
        found: header.slice(0, SHOWN_CHARS),
        hint,
      },
    ],
    hint,
  });
}
