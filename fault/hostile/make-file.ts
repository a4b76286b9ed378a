import { Dice } from "./dice.ts";
import { hostileArrow } from "./hostile-arrow.ts";
import { hostileOnnx } from "./hostile-onnx.ts";
import { hostileParquet } from "./hostile-parquet.ts";
import { hostileJobFile } from "./hostile-text.ts";
import { type HostileKind, type Trial, trialSeed } from "./kinds.ts";
import type { HostileFile } from "./mutate.ts";

/** Kinds whose hostile input is a single file. */
type LoneFileKind = Extract<HostileKind, "parquet" | "arrow" | "onnx" | "jobFile">;

export const FILE_NAMES: Readonly<Record<LoneFileKind, string>> = {
  parquet: "data.parquet",
  arrow: "data.arrow",
  onnx: "model.onnx",
  jobFile: "job.yaml",
};

const MAKERS: Readonly<Record<LoneFileKind, (index: number, dice: Dice) => HostileFile>> = {
  parquet: hostileParquet,
  arrow: hostileArrow,
  onnx: hostileOnnx,
  jobFile: hostileJobFile,
};

export function makeFile(trial: Trial & { readonly kind: LoneFileKind }): HostileFile {
  return MAKERS[trial.kind](trial.index, new Dice(trialSeed(trial)));
}
