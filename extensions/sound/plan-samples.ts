import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { parseBytes } from "../../shared/core/units.ts";
import { takenColumns } from "../../shared/dataset/taken-columns.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import { findStepFiles } from "../../shared/steps/file-column.ts";
import { framesColumn, type SamplesOp, type SoundPlan } from "./op.ts";
import type { SamplesSpec, SpectrogramStepSpec } from "./spec.ts";
import {
  frequencyProblem,
  planSpectrogram,
  presetRate,
  type SpectrogramKind,
} from "./spectrogram/presets.ts";

type Context = Pick<Parameters<StepPlanner>[1], "where" | "fields">;

const SAMPLES: FieldType = { kind: "list", item: { kind: "numeric", type: "float32" } };
const INT32: FieldType = { kind: "numeric", type: "int32" };

/** Plans a step that turns a column of sounds into a column of samples. */
export function planSamples(spec: SamplesSpec, context: Context): PlannedStep | Refused {
  const { rate, channels, layout, normalize, maxSeconds, as } = spec;
  const mix = channels === "mono";
  const plan = { rate, channels: mix ? 1 : channels, mix, layout, normalize, maxSeconds, windows: null };
  return planned(plan, spec, [{ name: as, type: SAMPLES, nullable: false }], context);
}

/** Plans a step that turns a column of sounds into a column of spectrograms. */
export function planSpectrogramStep(
  kind: SpectrogramKind,
  spec: SpectrogramStepSpec,
  context: Context,
): PlannedStep | Refused {
  const { normalize, maxSeconds, as, rate = presetRate(spec.preset) } = spec;
  const spectrogram = planSpectrogram(kind, spec, rate);
  const problem = frequencyProblem(spectrogram);
  if (problem !== null) return { problems: [{ where: context.where, ...problem }] };
  const plan: SoundPlan = {
    ...{ rate, channels: 1, mix: true, layout: "channelsFirst", windows: null },
    ...{ normalize, maxSeconds, spectrogram },
  };
  const made: readonly Field[] = [
    { name: as, type: SAMPLES, nullable: false },
    { name: framesColumn(as), type: INT32, nullable: false },
  ];
  return planned(plan, spec, made, context);
}

function planned(
  plan: SoundPlan,
  spec: Pick<SamplesSpec, "column" | "as" | "folder" | "maxBytes">,
  made: readonly Field[],
  { where, fields }: Context,
): PlannedStep | Refused {
  const { column, as, folder } = spec;
  const { cells, problems } = findStepFiles({ column, folder, what: "sounds", where }, fields);
  const names = made.map(({ name }) => name);
  const all: readonly Problem[] = [...problems, ...takenColumns(names, fields, where)];
  if (cells === null || all.length > 0) return { problems: all };
  const maxBytes = present(parseBytes(spec.maxBytes), "sizes were checked");
  const data: SamplesOp = { ...plan, samples: as, cells, maxBytes };
  const passed = fields.map((field) => ({ ...field, from: field.name }));
  const columns = [...passed, ...made.map((field) => ({ ...field, from: null }))];
  return { data: { ...data }, files: [], reads: [column], columns };
}
