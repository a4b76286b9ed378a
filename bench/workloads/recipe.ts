/** How one input of a workload's model is made, for a program that is not Shardmill. */
export interface WorkloadInput {
  readonly tensor: string;
  readonly dtype: "float32" | "int64";
  /** Several scalar columns are put side by side. Null: it has no column, see `mask`. */
  readonly columns: readonly string[] | null;
  /** The dims after the batch; null where rows are uneven and a batch is padded with zeros to its longest. */
  readonly rowDims: readonly (number | null)[];
  /** Each value is multiplied by this, and cast. */
  readonly scale: number;
  /**
   * The input whose values this one tells apart from padding: 1 for a value, 0 for a position that was added.
   */
  readonly mask?: string;
  /** Its column holds text, and these are the ids of it. */
  readonly tokenizer?: WorkloadTokenizer;
  /** Its column holds picture files, and these are the values of their pixels. */
  readonly image?: WorkloadImage;
  /** The input of ids whose types these are: of one text they are all 0. */
  readonly types?: string;
}

interface WorkloadTokenizer {
  /** A `tokenizer.json` in the workload's folder. */
  readonly file: string;
  readonly maxTokens: number;
}

/** As `image` of the job file has it: scaled by Pillow's `bilinear`, the middle cut out, `pixel - mean`. */
export interface WorkloadImage {
  readonly resize: { readonly width: number; readonly height: number };
  readonly crop: { readonly width: number; readonly height: number };
  readonly channels: "rgb" | "bgr";
  readonly rescale: number;
  /** In the order of `channels`. */
  readonly mean: readonly number[];
}

/** Whether a column's cells are turned into values before they are a tensor's: texts, pictures. */
export function isPrepared({ tokenizer, image }: WorkloadInput): boolean {
  return tokenizer !== undefined || image !== undefined;
}

/** A model output and the column that the job makes of it. */
export interface WorkloadOutput {
  readonly column: string;
  readonly tensor: string;
  readonly op: "raw" | "argmax" | "maxSoftmax" | "pool";
  /** The op's own keys in the job file. */
  readonly keys?: Readonly<Record<string, unknown>>;
}

/** What makes a workload: a model, a dataset and the job that runs the one over the other. */
export interface WorkloadRecipe {
  /** Raised whenever anything that is written changes: what an older one wrote is then made again. */
  readonly version: number;
  readonly about: string;
  readonly defaultRows: number;
  readonly maxRows: number;
  readonly inputs: readonly WorkloadInput[];
  readonly outputs: readonly WorkloadOutput[];
  /** Input columns that the job carries over, `id` among them. */
  readonly kept: readonly string[];
  /** What of the job file's `map` is not in the outputs and the kept columns. */
  readonly map: Readonly<Record<string, unknown>>;
  model(): Uint8Array | Promise<Uint8Array>;
  /** By name in the workload's folder, what else its job names. */
  files?(): Promise<Readonly<Record<string, Uint8Array>>>;
  /**
   * Writes `rows` rows with an `id` column (int64: 0, 1, 2, ...) as `part-*.parquet` into `folder`, which
   * exists.
   */
  writeRows(folder: string, rows: number): Promise<void>;
}
