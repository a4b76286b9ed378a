import { expect, it } from "vitest";
import { fileFormEntries } from "../../../cli/render/file-forms.ts";
import type { TextForm } from "../../../extensions/csv-json/op.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { aDigest } from "../../support/ids.ts";
import { csvForm } from "./csv-text.ts";

function file(form: TextForm, isGzip: boolean): InputFile {
  const text = { form, isGzip, firstRow: 0, stretches: [] };
  const facts = { bytes: 1, version: "1", rows: 1, footerSha256: aDigest("") };
  return { path: parseLocation(`/data/${form.kind}`), format: form.kind, ...facts, text };
}

it("the entries show how text files are read, their columns, and that gzip files are not split", () => {
  const csv = csvForm(["a", "b"], { delimiter: "\t", quote: "", escape: "", nulls: ["", "NA"], skip: 2 });
  const fields = [{ name: "xs", type: { kind: "list", item: { kind: "string" } }, nullable: true } as const];
  const files = [file(csv, false), file({ kind: "json", fields }, true)];
  expect(fileFormEntries({ files })).toEqual([
    ["csv", 'delimiter "\\t", no quotes, 2 lines skipped, a header, null is "", "NA"'],
    ["columns", "a string, b string"],
    ["json lines", "an object a line"],
    ["columns", "xs string[]"],
    ["compressed", expect.stringMatching(/^1 file: .*only large files are split into shards/)],
  ]);
});

it("a plan without text files has no entries", () => {
  expect(fileFormEntries({ files: [] })).toEqual([]);
});
