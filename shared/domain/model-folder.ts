import { ZOD } from "../core/zod.ts";
import { type OpKind, opOf } from "../output-ops/output-ops.ts";
import type { Location } from "./location.ts";
import type { FeatureData } from "./step-binding.ts";

/** A model as people export it: an ONNX file, and beside it what its maker does before and after. */
export interface ModelFolder {
  readonly path: Location;
  /** The ONNX file that is run, from the folder. */
  readonly file: string;
  /** Other ONNX files of the folder, which are left alone. */
  readonly otherFiles: readonly string[];
  /** What was read, in order. */
  readonly read: readonly string[];
  readonly facts: FolderFacts;
  readonly doubts: readonly FolderDoubt[];
}

/** What the files of a folder say, each null where they say nothing that can be relied on. */
export interface FolderFacts {
  /** `BertForSequenceClassification`. */
  readonly architecture: string | null;
  /** The names of the classes, in index order. */
  readonly labels: readonly string[] | null;
  /** A row may have several of the classes, or none. */
  readonly multiLabel: boolean;
  readonly pooling: PoolingFacts | null;
  /** Facts by the key of the extension that reads them. */
  readonly features: Readonly<Record<string, FeatureData>>;
}

/** How the vectors of a row's tokens become one. */
export interface PoolingFacts {
  readonly pool: "mean" | "cls" | "max" | "last";
  readonly normalize: boolean;
}

/** What a doubt leaves unknown: one of these, or the key of an extension. */
export type DoubtAbout = "task" | "labels" | "pooling" | (string & {});

/** A setting that is not understood, or that another one contradicts. Nothing is taken from it. */
export interface FolderDoubt {
  readonly about: DoubtAbout;
  /** The file and the key in it: `config.json: id2label`. */
  readonly where: string;
  readonly what: string;
  readonly found: string;
}

/** What a job file says of an output, as far as the folder may fill it in. */
interface LeavingOutput {
  readonly tensor?: string;
  readonly op?: OpKind;
  readonly pool?: unknown;
  readonly labels?: unknown;
}

/** The op of outputs that leave it to the folder, where that says nothing. */
export const USUAL_OP = "raw";

/** Names that exporters give to the vectors of a text's tokens. */
const TOKEN_VECTORS: readonly string[] = ["last_hidden_state", "token_embeddings"];

/**
 * What a job leaves to the folder's pooling: an output that is pooled, and does not say how, or the vectors
 * of tokens, of which it says nothing.
 *
 * @param tensor the ONNX output; left out where only the job file is known, and that does not name it
 */
export function leavesPooling(output: LeavingOutput, tensor = output.tensor): boolean {
  if (output.op === undefined) return tensor === undefined || TOKEN_VECTORS.includes(tensor);
  return output.op === "pool" && output.pool === undefined;
}

/** What a job leaves to the folder's labels: an op that can name classes, and names none. */
export function leavesLabels({ op = USUAL_OP, labels }: LeavingOutput): boolean {
  return labels === undefined && Object.hasOwn(opOf({ kind: op }).keys(ZOD), "labels");
}
