import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import type { Ran } from "../../coordinator/plan/model/run-once.ts";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { ClassNames } from "../../shared/domain/hugging-face.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { mapSpec } from "../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import type { FeaturePlanner } from "../../shared/extension/feature.ts";
import type { DraftKeys, DraftWays } from "../../shared/extension/feature-draft.ts";
import type { StepDraft } from "../../shared/extension/step-draft.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import { withoutComputed } from "./computed-inputs.ts";
import type { DataSample } from "./sample/data-sample.ts";

/** Context of a draft. */
export interface DraftContext {
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
  /** Columns of the input with unique names. */
  readonly fields: readonly Field[];
  /** Names that the input gives to the classes of its columns. */
  readonly classes: ClassNames;
  /** Reasons why some of these columns are text. */
  readonly textCauses: readonly TextCause[];
  /** Planners of features, by key. */
  readonly planners: ReadonlyMap<string, FeaturePlanner>;
  /** Drafts of inputs that steps make, by key. */
  readonly stepDrafts: ReadonlyMap<string, StepDraft>;
  /** Ways in which features draft inputs from files, in the order of their use. */
  readonly ways: readonly DraftWays[];
  readonly sample: DataSample;
  /** Result of a run on synthetic rows. Null: there was no run. */
  readonly ran: Ran | null;
}

export interface DraftMap {
  readonly inputs?: Readonly<Record<string, DraftKeys>>;
  /** Output that each state input gets, by input. */
  readonly state?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, DraftKeys>>;
  readonly keep?: readonly string[];
}

type Tried =
  | { readonly kind: "fits"; readonly binding: MapBinding }
  | { readonly kind: "misfit"; readonly problems: readonly Problem[] };

const NOT_MADE: Problem = { where: "map.inputs", what: "an input cannot be made from its column" };

type BindContext = Pick<
  DraftContext,
  "signature" | "folder" | "fields" | "classes" | "planners" | "stepDrafts"
>;

/** Checks whether a drafted map fits, by the job file's own checks and the planning of a job. */
export function tryBind(
  map: DraftMap,
  { signature, folder, fields, classes, planners, stepDrafts }: BindContext,
): Tried {
  const parsed = mapSpec.safeParse(map);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({
      where: `map.${formatKeyPath(path.map((key) => (typeof key === "symbol" ? String(key) : key)))}`,
      what: message,
    }));
    return { kind: "misfit", problems };
  }
  try {
    const plain = withoutComputed(parsed.data.inputs, {
      signature,
      fields,
      planners,
      drafts: [...stepDrafts.values()],
    });
    if (plain === null) return { kind: "misfit", problems: [NOT_MADE] };
    const binding = bindMap({ ...parsed.data, inputs: plain.inputs }, signature, plain.fields, {
      ...{ folder, classes },
    });
    return { kind: "fits", binding };
  } catch (error) {
    if (!isShardmillError(error, "SPEC_INVALID")) throw error;
    return { kind: "misfit", problems: error.problems };
  }
}
