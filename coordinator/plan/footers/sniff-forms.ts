import { errorFromData } from "../../../shared/core/errors.ts";
import { TEXT_FORMATS, type TextFormat } from "../../../shared/domain/dataset.ts";
import { NO_STORES, storesOf } from "../../../shared/domain/job-stores.ts";
import type { TextSpec } from "../../../shared/text-files/sniff-text.ts";
import type { FoundFile } from "../input/discover.ts";
import type { ReadLimits } from "./footer-process-owner.ts";
import type { TextForms } from "./footer-protocol.ts";
import { FooterReaders } from "./footer-readers.ts";

/** Files that are looked at, spread over all: a column may change on the way. */
const LOOKED_AT = 8;

/**
 * How the text files among these are read: all of one format in the same way. In a process of its own, as
 * footers are.
 *
 * @throws {INPUT_UNSUPPORTED} {INPUT_CORRUPT} {SPEC_INVALID} and the STORE_ codes
 */
export async function sniffForms(
  files: readonly FoundFile[],
  spec: TextSpec,
  limits: ReadLimits,
): Promise<TextForms> {
  const forms: { -readonly [F in TextFormat]?: TextForms[F] } = {};
  for (const format of TEXT_FORMATS) {
    const all = files.filter((file) => file.format === format);
    if (all.length === 0) continue;
    const filled = all.filter(({ bytes }) => bytes > 0);
    await using readers = new FooterReaders(limits);
    const sniff = spread(filled.length > 0 ? filled : all);
    const answer = await readers.sniff({
      sniff,
      stores: storesOf(limits.stores ?? NO_STORES, sniff),
      format,
      spec,
    });
    if (answer.kind === "failed") throw errorFromData(answer.error);
    forms[format] = answer.found;
  }
  return forms;
}

function spread(files: readonly FoundFile[]): FoundFile[] {
  const count = Math.min(LOOKED_AT, files.length);
  return Array.from(
    { length: count },
    (_, index) => files[Math.floor((index * files.length) / count)],
  ).filter((file) => file !== undefined);
}
