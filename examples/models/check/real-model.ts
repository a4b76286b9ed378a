import type { ModelSource } from "../sources/model-source.ts";
import type { SampleRow } from "./sample.ts";

/**
 * A real model whose rows are compared with those of a reference program. Its folder has `job.yaml` and
 * `reference.py`.
 */
export interface RealModel {
  readonly source: ModelSource;
  readonly title: string;
  /** The data that `export.py` of its folder trains it on; left out where it is fetched. */
  readonly trainedOn?: string;
  /** Of the ONNX file. */
  readonly megabytes: number;
  /** What goes in, in words. */
  readonly input: string;
  /** What the job file does to it before the model and behind it, in words. */
  readonly job: string;
  /** What the rows are compared with, in words. */
  readonly reference: string;
  /** Rows that are compared where nobody says how many. */
  readonly rows: number;
  /** Columns of embeddings: their cosines count, other numbers by their difference. */
  readonly embeddings: readonly string[];
  readonly readRows: () => Promise<readonly SampleRow[]>;
}
