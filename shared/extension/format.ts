import type * as z from "zod";
import type { Digest } from "../core/digest.ts";
import type { Zod } from "../core/zod.ts";
import type { DatasetFile } from "../dataset/dataset-file.ts";
import type { RowGroupStatistics } from "../domain/column-statistics.ts";
import type { Field, FileForm, FileIndex, InputFile, RowGroup } from "../domain/dataset.ts";
import type { Location, TimedStat } from "../domain/location.ts";
import type { TextCause } from "../domain/text-cause.ts";
import type { Undecoded } from "../domain/undecoded.ts";
import type { FetchListed, ListedFile } from "../storage/row-file.ts";
import type { ByteSource, Storage } from "../storage/storage.ts";

/**
 * Format of input besides Parquet and Arrow. Its files contain records, or each file is a row, or a log lists
 * its files.
 */
export type FormatPart = RecordFormat | FileFormat | LakeFormat;

interface AnyFormat {
  /** Name in `input.format` and on the wire, and key of `input` for its options: `csv`. */
  readonly name: string;
  /** Name in messages: `CSV`. */
  readonly title: string;
  /** Note on the name in the docs of `input.format`. Default: none. */
  readonly says?: string;
  /** Builds the schema of its options in the job file. Default: no options. */
  options?(z: Zod): z.ZodType<object>;
  /** Builds the schema by which a received index is checked. */
  index(z: Zod, parts: IndexParts): z.ZodType<FileIndex>;
  /** Describes a form, for `plan`. */
  show(form: FileForm): string;
  /** Cuts an index to rows `[rowStart, rowEnd)` of the file, for a lease. */
  cut(index: FileIndex, rowStart: number, rowEnd: number): FileIndex;
}

/**
 * Format whose files contain records, and have no footer. Planning inspects some files to find the form: how
 * to read all files of the format. Then it reads each file once to build its index: the places of its rows.
 * Workers read rows by the index. Form and index are JSON of the format. A file may be compressed, by gzip
 * at least, whatever its name. Single rows may be invalid.
 *
 * Each format passes `test/contract/format-contract.ts`.
 */
export interface RecordFormat extends AnyFormat {
  readonly kind: "records";
  /** Endings of its files: `.csv`. */
  readonly endings: readonly string[];
  /** Endings behind these for compressed files. Default: `.gz`. */
  readonly packings?: readonly string[];
  /** Checks whether reading some rows requires reading all rows before them. */
  isOnePiece(index: FileIndex): boolean;
  readonly words: FormatWords;
  /** Loads the planner. It runs in a process that may be killed, because files can contain anything. */
  loadPlanner(): Promise<FormatPlanner>;
  /** Opens a reader. Each thread has one, and disposes it. */
  openReader(): Promise<FormatReader>;
}

/**
 * Format in which each file is a row. Planning reads only the listing. It packs consecutive files into one
 * file of the dataset, whose index lists them. Workers fetch the content of files, if a column needs it.
 */
interface FileFormat extends AnyFormat {
  readonly kind: "files";
  /** Endings of known files. A place with only such files is input without `input.format`. */
  readonly endings: readonly string[];
  loadPlanner(): Promise<FileListPlanner>;
  /** Returns the file of a row, by the index of the rows around it. */
  fileAt(index: FileIndex, row: number): ListedFile;
  loadReader(): Promise<OpenFileList>;
}

/**
 * Format of tables whose log lists Parquet files. Planning reads the log of a folder. Only the files of one
 * version are input, whatever else the folder has. Each file is read as Parquet, and adapted to the table by
 * its index.
 */
interface LakeFormat extends AnyFormat {
  readonly kind: "lake";
  /** Name of a folder that each table has: `_delta_log`. */
  readonly marker: string;
  /** Ending of files in that folder which no other folder has. Default: none, as no other has the marker. */
  readonly ending?: string;
  /** Returns the row of the data file itself, which may have rows that the table has not. */
  rowOf(index: FileIndex, row: number): number;
  /** Returns the options that read the version of an index again. */
  pin(index: FileIndex): object;
  /** Reason why a file of a planned version may be gone, in its own terms. */
  readonly removal: string;
  loadLog(): Promise<ReadLakeTable>;
  loadReader(): Promise<OpenLakeFile>;
}

/**
 * Reads one version of a table from its log. Reads no data file. Null: the folder is no such table, although
 * it has the marker.
 *
 * @param table folder of the table
 * @throws {SPEC_INVALID} for options that do not fit the table
 * @throws {INPUT_NOT_FOUND} {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export type ReadLakeTable = (table: Location, options: LakeOptions) => Promise<LakeTable | null>;

interface LakeOptions {
  readonly storage: Storage;
  /** Checked options of the job. Null: the job sets none. */
  readonly options: object | null;
  readonly signal: AbortSignal;
}

interface LakeTable {
  /** Files in the order of their paths, at least one. */
  readonly files: readonly LakeFile[];
}

export interface LakeFile {
  readonly path: Location;
  readonly stat: TimedStat;
  /** Facts of the file that only the log has. All files share the form. */
  readonly index: FileIndex;
}

/** Opens a data file as a file of its table. The new file disposes of the given one, also when it fails. */
type OpenLakeFile = (file: DatasetFile, index: FileIndex) => DatasetFile;

/** File of a listing. */
export interface FoundRowFile extends ListedFile {
  /** Folder from which its relative path starts. */
  readonly root: Location;
  /** Time of its last change, in milliseconds since 1970. Null: unknown. */
  readonly modified: number | null;
}

export interface FileListPlanner {
  /**
   * Returns the columns of the files.
   *
   * @param files all files
   * @throws {SPEC_INVALID} {INPUT_UNSUPPORTED}
   */
  findForm(files: readonly ListedFile[], types: RequestedForm["types"]): FileForm;
  /** Indexes files of one root, in order. */
  indexFiles(files: readonly FoundRowFile[], form: FileForm): IndexedFiles;
  /** Returns the values of a file that its listing has, so that `input.where` can exclude it unread. */
  factsOf(file: FoundRowFile): RowGroupStatistics;
}

interface IndexedFiles {
  readonly index: FileIndex;
  /** Sha256 of the files' locations and versions. */
  readonly sha256: Digest;
}

/** Opens a planned list of files. Its rows are those of its index. */
type OpenFileList = (planned: InputFile, fetch: FetchListed) => DatasetFile;

export interface IndexParts {
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
