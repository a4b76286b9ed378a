import type { ModelSource } from "../sources/model-source.ts";
import type { SampleRow } from "./sample.ts";

/**
 * A real model whose rows are compared with a reference program. Its folder has `job.yaml` and
 * `reference.py`.
 */
export interface RealModel {
  readonly source: ModelSource;
  readonly title: string;
  /** Path of the training data for `export.py` in its folder. Default: the model is fetched. */
  readonly trainedOn?: string;
  /** Size of the ONNX file. */
  readonly megabytes: number;
  /** Default number of compared rows. */
  readonly rows: number;
  /** Columns of embeddings, which are compared by cosines. Other numbers are compared by their difference. */
  readonly embeddings: readonly string[];
  readonly readRows: () => Promise<readonly SampleRow[]>;
}
