import { present } from "../../shared/core/assert.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { conversionOf } from "../../shared/domain/conversion.ts";
import type { PlannedJob, PlannedModel } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { lastStageOf, stagesOf } from "../../shared/domain/job-stages.ts";
import type { FigureLine } from "../../shared/extension/plan.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { oneLine } from "../../shared/terminal/text.ts";
import { tensorTables } from "./tensors-text.ts";

/** Describes the models, that of the last stage last. */
export function modelLines(plan: PlannedJob): readonly FigureLine[] {
  const { model } = lastStageOf(plan.spec);
  const earlier = plan.stages.map((stage, index): FigureLine => {
    const spec = stagesOf(plan.spec)[index]?.model;
    return [`stage ${oneLine(stage.name)}`, spec === undefined ? null : modelText(spec, stage)];
  });
  return [
    ...earlier,
    ["model", model === undefined ? "none: rows pass the steps only" : modelText(model, plan)],
  ];
}

/** Shows the tensors of each model. */
export function modelTables({ stages, model, map }: PlannedJob, style: Style): string[] {
  const earlier = stages.flatMap((stage) => {
    return ["", `stage ${oneLine(stage.name)}`, ...tensorTables(stage.map, style)];
  });
  return [...earlier, ...(model === null ? [] : ["", ...tensorTables(map, style)])];
}

function modelText(spec: NonNullable<JobSpec["model"]>, planned: PlannedModel): string {
  const { modelFrom, converted } = planned;
  const model = present(planned.model, "a model that the job names is planned");
  const { path: copy, bytes } = converted?.original ?? model;
  const path = modelFrom === null ? copy : `${modelFrom} (copied to ${copy})`;
  const made = converted === null ? "" : `, as ${conversionOf(spec)} ${formatBytes(model.bytes)}`;
  return `${oneLine(path)}, ${formatBytes(bytes)}${made}, on ${spec.device}`;
}
