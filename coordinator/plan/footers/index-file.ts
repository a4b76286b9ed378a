import { NEVER } from "../../../shared/core/abort.ts";
import { canonicalJson, sha256 } from "../../../shared/core/digest.ts";
import { recordFormatOf } from "../../../shared/domain/formats.ts";
import type { FoundForm } from "../../../shared/extension/format.ts";
import type { ByteSource } from "../../../shared/storage/storage.ts";
import type { FoundFile } from "../input/discover.ts";
import { type FileFooter, SLICE_BYTES } from "./seal-dataset.ts";

/**
 * Reads a whole file without a footer, and builds the index that replaces its footer.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {INPUT_SCHEMA_MIXED}
 */
export async function indexFile(
  source: ByteSource,
  { path, format, bytes, version }: FoundFile,
  found: FoundForm,
): Promise<FileFooter> {
  const part = recordFormatOf(format);
  const planner = await part.loadPlanner();
  const {
    index,
    rows,
    sha256: footerSha256,
    rowGroups,
    undecoded,
  } = await planner.indexFile(source, found, NEVER);
  const { fields } = found.form;
  return {
    file: { path, format, bytes, version, rows, footerSha256, text: index },
    fields,
    rowGroups,
    statistics: null,
    layout: sha256(canonicalJson(fields)),
    classes: {},
    cut: {
      isOnePiece: part.isOnePiece(index),
      // Each slice of a lease carries the form.
      slices: Math.ceil(JSON.stringify(found.form).length / SLICE_BYTES),
    },
    ...(undecoded === null ? {} : { undecoded }),
  };
}
