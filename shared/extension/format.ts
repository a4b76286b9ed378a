import type * as z from "zod";
import type { Digest } from "../core/digest.ts";
import type { Zod } from "../core/zod.ts";
import type { DatasetFile } from "../dataset/dataset-file.ts";
import type { Field, FileForm, FileIndex, InputFile, RowGroup } from "../domain/dataset.ts";
import type { TextCause } from "../domain/text-cause.ts";
import type { Undecoded } from "../domain/undecoded.ts";
import type { ByteSource } from "../storage/storage.ts";

/**
 * Format of input files beside Parquet and Arrow, whose files do not say where their rows lie. Planning looks
 * at some files, and finds the form: how all files of the format are read. Then it reads each file once, and
 * finds its index: where its rows lie. Workers read rows by the index. Form and index are the format's own
 * JSON. A file may be packed by gzip, whatever its name is. Rows may be bad one by one.
 *
 * Each format passes `test/contract/format-contract.ts`.
 */
export interface FormatPart {
  /** Name in `input.format` and on the wire, and key of `input` for its options: `csv`. */
  readonly name: string;
  /** Name in messages: `CSV`. */
  readonly title: string;
  /** Endings of its files: `.csv`. Those of packed files have `.gz` behind it. */
  readonly endings: readonly string[];
  /** Note on the name in the docs of `input.format`. Default: none. */
  readonly says?: string;
  /** Builds the schema of its options in the job file. Default: there are none. */
  options?(z: Zod): z.ZodType<object>;
  /** Builds the schema by which an index is checked that was sent. */
  index(z: Zod, parts: IndexParts): z.ZodType<FileIndex>;
  /** Describes a form, for `plan`. */
  show(form: FileForm): string;
  /** Returns whether reading some rows means to read all that lies before them. */
  isOnePiece(index: FileIndex): boolean;
  /** Cuts an index down to rows `[rowStart, rowEnd)` of the file, for a lease. */
  cut(index: FileIndex, rowStart: number, rowEnd: number): FileIndex;
  readonly words: FormatWords;
  /**
   * Tells users how to write a file whose rows are the paths of files. Default: it is not written by hand.
   *
   * @param files what the paths lead to: `images`
   * @param find command that prints the paths; null: there is none
   */
  listing?(files: string, find: string | null): string;
  /** Loads what planning asks. It runs in a process that may be ended, for files may be anything. */
  loadPlanner(): Promise<FormatPlanner>;
  /** Opens what reads files. A thread has one, which it disposes. */
  openReader(): Promise<FormatReader>;
}

interface IndexParts {
  /** Schema of a column. */
  readonly field: z.ZodType<Field>;
  /** Schema of a whole number from 0 on. */
  readonly count: z.ZodType<number>;
}

/** Words of messages. */
interface FormatWords {
  /** Content of a file: `text`. */
  readonly content: string;
  /** Its pieces: `lines`. */
  readonly pieces: string;
  /** Advice for rows that are not in the encoding of their file. */
  readonly encodingHint: string;
}

export interface FormatPlanner {
  /**
   * Finds how files are read, and their columns.
   *
   * @param sources some of the files, spread over all: those with content, where there are any
   * @throws {INPUT_UNSUPPORTED} when it cannot be found
   * @throws {SPEC_INVALID} for types of columns that the files do not have
   */
  findForm(sources: readonly ByteSource[], asked: AskedForm, signal: AbortSignal): Promise<FoundForm>;
  /**
   * Reads a file from end to end, and finds its rows.
   *
   * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
   * @throws {INPUT_SCHEMA_MIXED} for a file that is not read by the form
   */
  indexFile(source: ByteSource, found: FoundForm, signal: AbortSignal): Promise<IndexedFile>;
}

/** Options and types that a job sets for files of a format. */
export interface AskedForm {
  /** Checked options. Null: the job has none. */
  readonly options: object | null;
  /** Types of columns, by name: `float32[]`. */
  readonly types: Readonly<Record<string, string>>;
}

/** Form of files, found by looking at some. Whatever else it has goes back to the planner. Plain JSON. */
export interface FoundForm {
  readonly form: FileForm;
  /** Reasons of text columns. */
  readonly textCauses: readonly TextCause[];
}

interface IndexedFile {
  readonly index: FileIndex;
  readonly rows: number;
  /** sha256 of what the index says of the content, and how it is read. */
  readonly sha256: Digest;
  /** Stretches by which shards are cut. */
  readonly rowGroups: readonly RowGroup[];
  /** Rows that are not in the encoding of the file. Null: there are none. */
  readonly undecoded: Undecoded | null;
}

export interface FormatReader extends AsyncDisposable {
  /** Opens a file of a plan. Its rows are those of its index. */
  open(source: ByteSource, planned: InputFile): Promise<DatasetFile>;
}
