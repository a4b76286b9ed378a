import { errorFromData } from "../../../shared/core/errors.ts";
import { formatOptions, RECORD_FORMATS } from "../../../shared/domain/formats.ts";
import { NO_STORES, storesOf } from "../../../shared/domain/job-stores.ts";
import type { RequestedForm } from "../../../shared/extension/format.ts";
import type { FoundFile } from "../input/discover.ts";
import type { ReadLimits } from "./footer-process-owner.ts";
import type { FoundForms } from "./footer-protocol.ts";
import { FooterReaders } from "./footer-readers.ts";

/** Options and types that a job sets for files without a footer. */
export interface RequestedForms extends Pick<RequestedForm, "types"> {
  /** Keys of `input`. Each format has its own among them. */
  readonly options: object;
}

/**
 * Limit of files that are read to find a form. They are spread over all files, as a column may change on the
 * way.
 */
const LOOKED_AT = 8;

/**
 * Finds the form of each format among the files without a footer. All files of one format have the same form.
 * Runs in a process of its own, as reading footers does.
 *
 * @throws {INPUT_UNSUPPORTED} {INPUT_CORRUPT} {SPEC_INVALID} and the STORE_ codes
 */
export async function findForms(
  files: readonly FoundFile[],
  { options, types }: RequestedForms,
  limits: ReadLimits,
): Promise<FoundForms> {
  const forms: Record<string, FoundForms[string]> = {};
  for (const { name: format } of RECORD_FORMATS) {
    const all = files.filter((file) => file.format === format);
    if (all.length === 0) continue;
    const filled = all.filter(({ bytes }) => bytes > 0);
    await using readers = new FooterReaders(limits);
    const looked = spread(filled.length > 0 ? filled : all);
    const answer = await readers.findForm({
      files: looked,
      stores: storesOf(limits.stores ?? NO_STORES, looked),
      format,
      requested: { options: formatOptions(options, format), types },
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
