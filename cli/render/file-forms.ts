import { showType } from "../../shared/dataset/field-differences.ts";
import { nameOfType } from "../../shared/domain/column-type-names.ts";
import { type Dataset, TEXT_FORMATS, type TextForm } from "../../shared/domain/dataset.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";

const MAX_FIELDS = 40;

/** How text files are read: what was found by looking at them, and what the job says. */
export function textFormEntries({ files }: Pick<Dataset, "files">): [label: string, value: string][] {
  const forms = TEXT_FORMATS.flatMap((format) => {
    const form = files.find((file) => file.format === format)?.text?.form;
    return form === undefined ? [] : [form];
  });
  const packed = files.filter(({ text }) => text?.isGzip === true).length;
  const entries = forms.flatMap((form): [string, string][] => [
    [form.kind === "csv" ? "csv" : "json lines", formText(form)],
    ["columns", columnsText(form)],
  ]);
  if (packed === 0) return entries;
  const cannot = "to read some rows is to unpack all before them: not cut into shards unless they are large";
  return [...entries, ["gzip", `${counted(packed, "file")}: ${cannot}`]];
}

function formText(form: TextForm): string {
  if (form.kind === "json") return "an object a line";
  const { delimiter, quote, skip, header, nulls, decimal, dateFormat, timestampFormat } = form;
  const parts = [
    `delimiter ${shown(delimiter)}`,
    quote === "" ? "no quotes" : `quote ${shown(quote)}`,
    ...(form.escape === quote ? [] : [`escape ${shown(form.escape)}`]),
    ...(skip === 0 ? [] : [`${counted(skip, "line")} skipped`]),
    header ? "a header" : "no header",
    ...(nulls.length === 1 && nulls[0] === "" ? [] : [`null is ${nulls.map(shown).join(", ")}`]),
    ...(decimal === "." ? [] : ["decimal comma"]),
    ...(dateFormat === null ? [] : [`dates as ${shown(dateFormat)}`]),
    ...(timestampFormat === null ? [] : [`timestamps as ${shown(timestampFormat)}`]),
  ];
  return oneLine(parts.join(", "));
}

function columnsText({ fields }: TextForm): string {
  if (fields.length === 0) return "none: there is nothing to find them by";
  const first = fields
    .slice(0, MAX_FIELDS)
    .map(({ name, type }) => `${oneLine(name)} ${nameOfType(type) ?? showType(type)}`);
  const more = fields.length - first.length;
  return [...first, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

function shown(text: string): string {
  return JSON.stringify(text);
}
