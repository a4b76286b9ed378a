/** Recipe of one input of a workload's model, for other programs than Shardmill. */
export interface WorkloadInput {
  readonly tensor: string;
  readonly dtype: "float32" | "int64";
  /** Columns of the input. Several scalar columns are joined. Null: none, see `mask`. */
  readonly columns: readonly string[] | null;
  /** Dims after the batch. Null: rows are uneven, and a batch is padded with zeros to its longest. */
  readonly rowDims: readonly (number | null)[];
  /** Factor of each value, before the cast. */
  readonly scale: number;
  /** Input whose padding this mask marks: 1 for a value, 0 for a padded position. */
  readonly mask?: string;
  /** Tokenizer of a text column. The input has its ids. */
  readonly tokenizer?: WorkloadTokenizer;
  /** Settings of a column of picture files. The input has their pixel values. */
  readonly image?: WorkloadImage;
  /** Input of ids whose types these are: all 0 for a single text. */
  readonly types?: string;
}

interface WorkloadTokenizer {
  /** File `tokenizer.json` in the workload's folder. */
  readonly file: string;
  readonly maxTokens: number;
}

/** Settings like the job file's `image`: scaled by Pillow's `bilinear`, center crop, `pixel - mean`. */
export interface WorkloadImage {
  readonly resize: { readonly width: number; readonly height: number };
  readonly crop: { readonly width: number; readonly height: number };
  readonly channels: "rgb" | "bgr";
  readonly rescale: number;
  /** Means in the order of `channels`. */
  readonly mean: readonly number[];
}

/** Checks whether a column's cells are prepared before they become a tensor: texts, pictures. */
export function isPrepared({ tokenizer, image }: WorkloadInput): boolean {
  return tokenizer !== undefined || image !== undefined;
}

/** Model output, and the column that the job makes of it. */
export interface WorkloadOutput {
  readonly column: string;
  readonly tensor: string;
  readonly op: "raw" | "argmax" | "maxSoftmax" | "pool";
  /** Keys of the op in the job file. */
  readonly keys?: Readonly<Record<string, unknown>>;
}

/** Recipe of a workload: a model, a dataset and the job that runs the model over the dataset. */
export interface WorkloadRecipe {
  /** Version of everything that is written. A change makes older workloads again. */
  readonly version: number;
  readonly about: string;
  readonly defaultRows: number;
  readonly maxRows: number;
  readonly inputs: readonly WorkloadInput[];
  readonly outputs: readonly WorkloadOutput[];
  /** Input columns that the job keeps, `id` among them. */
  readonly kept: readonly string[];
  /** Keys of the job file's `map`, besides the outputs and the kept columns. */
  readonly map: Readonly<Record<string, unknown>>;
  model(): Uint8Array | Promise<Uint8Array>;
  /** Returns further files that the job names, by name in the workload's folder. */
  files?(): Promise<Readonly<Record<string, Uint8Array>>>;
  /** Writes `rows` rows with an `id` column (int64: 0, 1, 2, ...) as `part-*.parquet` into `folder`. */
  writeRows(folder: string, rows: number): Promise<void>;
}
