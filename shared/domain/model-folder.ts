import { ZOD } from "../core/zod.ts";
import { type OpKind, opOf } from "../output-ops/output-ops.ts";
import type { Location } from "./location.ts";
import type { FeatureData } from "./step-binding.ts";

/** Exported model: an ONNX file, and files about preprocessing and postprocessing beside it. */
export interface ModelFolder {
  readonly path: Location;
  /** Relative path of the ONNX file to run, from the folder. */
  readonly file: string;
  /** Other ONNX files of the folder, which are ignored. */
  readonly otherFiles: readonly string[];
  /** Files that were read, in order. */
  readonly read: readonly string[];
  readonly facts: FolderFacts;
  readonly doubts: readonly FolderDoubt[];
}

/** Facts from the files of a folder. Null: the files have no reliable fact. */
export interface FolderFacts {
  /** Architecture such as `BertForSequenceClassification`. */
  readonly architecture: string | null;
  /** Class names in index order. */
  readonly labels: readonly string[] | null;
  /** A row can have several classes, or none. */
  readonly multiLabel: boolean;
  readonly pooling: PoolingFacts | null;
  /** Facts by the key of the extension that reads them. */
  readonly features: Readonly<Record<string, FeatureData>>;
}

/** Pooling of a row's token vectors into one vector. */
export interface PoolingFacts {
  readonly pool: "mean" | "cls" | "max" | "last";
  readonly normalize: boolean;
}

/** Unknown fact: one of these, or an extension's key. */
export type DoubtAbout = "task" | "labels" | "pooling" | (string & {});

/** Setting that is unsupported, or that another setting contradicts. It is ignored. */
export interface FolderDoubt {
  readonly about: DoubtAbout;
  /** File and key: `config.json: id2label`. */
  readonly where: string;
  readonly what: string;
  readonly found: string;
}

/** Keys of an output in the job file that the folder may fill in. */
interface LeavingOutput {
  readonly tensor?: string;
  readonly op?: OpKind;
  readonly pool?: unknown;
  readonly labels?: unknown;
}

/** Default op where neither the job nor the folder sets one. */
export const USUAL_OP = "raw";

/** Names that exporters give to token vectors. */
const TOKEN_VECTORS: readonly string[] = ["last_hidden_state", "token_embeddings"];

/**
 * Checks whether an output takes its pooling from the folder. It does if its op is `pool` without a kind, or
 * if it has no op and holds token vectors.
 *
 * @param tensor the ONNX output. Undefined: the job file does not name it, and the model is not read yet
 */
export function leavesPooling(output: LeavingOutput, tensor = output.tensor): boolean {
  if (output.op === undefined) return tensor === undefined || TOKEN_VECTORS.includes(tensor);
  return output.op === "pool" && output.pool === undefined;
}

/**
 * Checks whether an output takes its labels from the folder: its op can name classes, and the job names none.
 */
export function leavesLabels({ op = USUAL_OP, labels }: LeavingOutput): boolean {
  return labels === undefined && Object.hasOwn(opOf({ kind: op }).keys(ZOD), "labels");
}
