import type { ErrorData } from "../../../shared/core/errors.ts";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { AskedForm, FoundForm } from "../../../shared/extension/format.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** To a footer process: the next when the one before is answered. */
export interface FooterRequest {
  readonly files: readonly FoundFile[];
  readonly stores: JobStores;
  /** Of columns whose names are in this text (SQL, or just names), statistics are wanted. Null: of none. */
  readonly named: string | null;
  readonly forms: FoundForms;
}

/** Forms of files without a footer, by their format. They are found before any of the files is indexed. */
export type FoundForms = Readonly<Record<DatasetFormat, FoundForm>>;

/** To a footer process: how are files of a format read? These are looked at. */
export interface FormRequest {
  readonly files: readonly FoundFile[];
  readonly stores: JobStores;
  readonly format: DatasetFormat;
  readonly asked: AskedForm;
}

export type FormAnswer =
  | { readonly kind: "found"; readonly found: FoundForm }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** What files of one kind have in common. */
export type FileSchema = Pick<FileFooter, "fields" | "layout">;

/**
 * From it: an answer for each file, in their order. A process whose decoder broke says so and reads on with a
 * fresh one.
 */
export interface FooterAnswer {
  /** Each once, for answers to point to. */
  readonly schemas: readonly FileSchema[];
  readonly files: readonly FileAnswer[];
}

export type FileAnswer =
  | ({ readonly kind: "read"; readonly schema: number } & Pick<
      FileFooter,
      "file" | "rowGroups" | "statistics" | "cut" | "undecoded"
    >)
  | { readonly kind: "failed"; readonly error: ErrorData };

/** One file's answer, put together again. */
export type FooterReply =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: ErrorData };
