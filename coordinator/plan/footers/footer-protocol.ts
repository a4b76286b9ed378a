import type { ErrorData } from "../../../shared/core/errors.ts";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { FoundForm, RequestedForm } from "../../../shared/extension/format.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** Request to a footer process. Sent once the previous one is answered. */
export interface FooterRequest {
  readonly files: readonly FoundFile[];
  readonly stores: JobStores;
  /** Text (SQL or just names) with the names of columns whose statistics are wanted. Null: no statistics. */
  readonly named: string | null;
  readonly forms: FoundForms;
}

/** Forms of files without a footer, by format. They are found before any of the files is indexed. */
export type FoundForms = Readonly<Record<DatasetFormat, FoundForm>>;

/** Request to a footer process to find the form of a format from some of its files. */
export interface FormRequest {
  readonly files: readonly FoundFile[];
  readonly stores: JobStores;
  readonly format: DatasetFormat;
  readonly requested: RequestedForm;
}

export type FormAnswer =
  | { readonly kind: "found"; readonly found: FoundForm }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Columns, layout and names of classes that files of one kind share. */
export type FileSchema = Pick<FileFooter, "fields" | "layout" | "classes">;

/**
 * Reply of a footer process, with an answer for each file, in order. If the decoder fails, its answer is the
 * error, and the process continues with a new decoder.
 */
export interface FooterAnswer {
  /** Distinct schemas. Answers refer to them by index. */
  readonly schemas: readonly FileSchema[];
  readonly files: readonly FileAnswer[];
}

export type FileAnswer =
  | ({ readonly kind: "read"; readonly schema: number } & Pick<
      FileFooter,
      "file" | "rowGroups" | "statistics" | "cut" | "undecoded"
    >)
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Answer for one file, with its schema. */
export type FooterReply =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: ErrorData };
