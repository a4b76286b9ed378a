import type * as z from "zod";
import type { Digest } from "../core/digest.ts";
import type { Zod } from "../core/zod.ts";
import type { DatasetFile } from "../dataset/dataset-file.ts";
import type { Field, FileForm, FileIndex, InputFile, RowGroup } from "../domain/dataset.ts";
import type { TextCause } from "../domain/text-cause.ts";
import type { Undecoded } from "../domain/undecoded.ts";
import type { ByteSource } from "../storage/storage.ts";

/**
 * Format of input files besides Parquet and Arrow, whose files have no footer. Planning inspects some files
 * to find the form: how to read all files of the format. Then it reads each file once to build its index: the
 * places of its rows. Workers read rows by the index. Form and index are JSON of the format. A file may be
 * compressed, by gzip at least, whatever its name. Single rows may be invalid.
 *
 * Each format passes `test/contract/format-contract.ts`.
 */
export interface FormatPart {
  /** Name in `input.format` and on the wire, and key of `input` for its options: `csv`. */
  readonly name: string;
  /** Name in messages: `CSV`. */
  readonly title: string;
  /** Endings of its files: `.csv`. */
  readonly endings: readonly string[];
  /** Endings behind these for compressed files. Default: `.gz`. */
  readonly packings?: readonly string[];
  /** Note on the name in the docs of `input.format`. Default: none. */
  readonly says?: string;
  /** Builds the schema of its options in the job file. Default: no options. */
  options?(z: Zod): z.ZodType<object>;
  /** Builds the schema by which a received index is checked. */
  index(z: Zod, parts: IndexParts): z.ZodType<FileIndex>;
  /** Describes a form, for `plan`. */
  show(form: FileForm): string;
  /** Checks whether reading some rows requires reading all rows before them. */
  isOnePiece(index: FileIndex): boolean;
  /** Cuts an index to rows `[rowStart, rowEnd)` of the file, for a lease. */
  cut(index: FileIndex, rowStart: number, rowEnd: number): FileIndex;
  readonly words: FormatWords;
  /**
   * Advises users how to write a file whose rows are paths of files. Default: the format is not written by
   * hand.
   *
   * @param files name of the listed files: `images`
   * @param find command that prints the paths. Null: there is none
   */
  listing?(files: string, find: string | null): string;
  /** Loads the planner. It runs in a process that may be killed, because files can contain anything. */
  loadPlanner(): Promise<FormatPlanner>;
  /** Opens a reader. Each thread has one, and disposes it. */
  openReader(): Promise<FormatReader>;
}

interface IndexParts {
  /** Schema of a column. */
  readonly field: z.ZodType<Field>;
  /** Schema of a whole number of at least 0. */
  readonly count: z.ZodType<number>;
}

/** Words for messages. */
interface FormatWords {
  /** Content of a file: `text`. */
  readonly content: string;
  /** Pieces of a file: `lines`. */
  readonly pieces: string;
  /** Advice for rows that are not in the encoding of their file. */
  readonly encodingHint: string;
}

export interface FormatPlanner {
  /**
   * Finds how to read files, and their columns.
   *
   * @param sources some of the files, spread over all of them. Files with content are preferred
   * @throws {INPUT_UNSUPPORTED} when no form fits
   * @throws {SPEC_INVALID} for types of columns that the files do not have
   */
  findForm(sources: readonly ByteSource[], requested: RequestedForm, signal: AbortSignal): Promise<FoundForm>;
  /**
   * Reads a whole file, and indexes its rows.
   *
   * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
   * @throws {INPUT_SCHEMA_MIXED} when the form does not fit the file
   */
  indexFile(source: ByteSource, found: FoundForm, signal: AbortSignal): Promise<IndexedFile>;
}

/** Options and types that a job sets for files of a format. */
export interface RequestedForm {
  /** Checked options. Null: the job sets none. */
  readonly options: object | null;
  /** Types of columns, by name: `float32[]`. */
  readonly types: Readonly<Record<string, string>>;
}

/** Form that fits the inspected files. Other keys are passed back to the planner. Plain JSON. */
export interface FoundForm {
  readonly form: FileForm;
  /** Reasons why columns are text. */
  readonly textCauses: readonly TextCause[];
}

interface IndexedFile {
  readonly index: FileIndex;
  readonly rows: number;
  /** sha256 of the content's checksums in the index, and of the form. */
  readonly sha256: Digest;
  /** Ranges of rows at which shards can be cut. */
  readonly rowGroups: readonly RowGroup[];
  /** Rows that are not in the encoding of the file. Null: there are none. */
  readonly undecoded: Undecoded | null;
}

export interface FormatReader extends AsyncDisposable {
  /** Opens a planned file. Its rows are those of its index. */
  open(source: ByteSource, planned: InputFile): Promise<DatasetFile>;
}
