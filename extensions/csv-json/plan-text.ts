import { ShardmillError } from "../../shared/core/errors.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { Undecoded } from "../../shared/domain/undecoded.ts";
import type { FormatPlanner } from "../../shared/extension/format.ts";
import { indexText } from "./index-text.ts";
import { ENCODING_HINTS, type TextFormat } from "./op.ts";
import type { FoundText } from "./sniff-text.ts";
import type { CsvSpec } from "./spec.ts";
import { takeSample } from "./text-sample.ts";

/** Returns the planner of a line format. */
export function textPlanner(format: TextFormat): FormatPlanner {
  return {
    async findForm(sources, { options, types }, signal) {
      // A lazy import, because indexing needs no database.
      const { sniffText } = await import("./sniff-text.ts");
      const samples = [];
      for (const source of sources) samples.push(await takeSample(source, signal));
      return await sniffText(samples, format, { csv: options as Partial<CsvSpec> | null, types });
    },
    async indexFile(source, found, signal) {
      const { header: expected, path: reference, form } = found as FoundText;
      const { index, rows, sha256, header, undecoded } = await indexText(source, form, { signal });
      if (header !== null && header !== expected)
        throw otherHeader(source.path, header, { expected, reference });
      refuseUndecoded(source.path, format, { rows, undecoded });
      const rowGroups = index.stretches.map((stretch) => ({ rows: stretch.rows, bytes: stretch.bytes }));
      return { index, rows, sha256, rowGroups, undecoded };
    },
  };
}

/** Refuses a file when most of its rows are in another encoding. The user must name the encoding. */
function refuseUndecoded(
  path: string,
  format: TextFormat,
  { rows, undecoded }: { readonly rows: number; readonly undecoded: Undecoded | null },
): void {
  if (undecoded === null || undecoded.records <= rows / 2) return;
  const { records, line, byte } = undecoded;
  const what = `bytes that are not UTF-8 in ${records} of ${rows} rows, the first in line ${line} (byte ${byte})`;
  throw inputUnsupported(path, what, ENCODING_HINTS[format]);
}

const SHOWN_CHARS = 200;

function otherHeader(
  path: string,
  header: string,
  { expected, reference }: { readonly expected: string | null; readonly reference: string },
): ShardmillError {
  const hint = "give all CSV files of the job the same header, with the columns in the same order";
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
