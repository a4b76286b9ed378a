import { INPUT_FILE_KEYS, reductionValue, stepValue } from "../domain/features.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { withStages } from "../domain/job-stages.ts";
import type { InputSpec, OutputSpec, StepSpec } from "../domain/map-spec.ts";

interface MapParts {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly outputs: readonly OutputSpec[];
  readonly prepare: readonly StepSpec[];
  readonly finish: readonly StepSpec[];
}

/** Returns a map, or each of its stages, with renamed files. `rename` gets each path, in order. */
export function withFiles<Map extends JobSpec["map"]>(map: Map, rename: (path: string) => string): Map {
  return withStages(map, (part) => withOwnFiles(part, rename));
}

/** Returns a map whose stages have renamed models. */
export function withStageModels<Map extends JobSpec["map"]>(map: Map, rename: (path: string) => string): Map {
  const { stages } = map;
  if (stages === undefined) return map;
  return {
    ...map,
    stages: stages.map((stage) => ({ ...stage, model: { ...stage.model, path: rename(stage.model.path) } })),
  };
}

function withOwnFiles<Part extends MapParts>(map: Part, rename: (path: string) => string): Part {
  const inputs = Object.entries(map.inputs).map(([name, input]) => {
    return [name, renamedIn(input, INPUT_FILE_KEYS, rename)] as const;
  });
  const renamed = (step: StepSpec): StepSpec => {
    const named = stepValue(step);
    if (named === null) return step;
    const { part, value } = named;
    const isProgram = typeof value === "string";
    return {
      ...step,
      [part.key]: isProgram ? rename(value) : renamedIn(value, part.files?.keys ?? [], rename),
    };
  };
  return {
    ...map,
    inputs: Object.fromEntries(inputs),
    outputs: map.outputs.map((output) => renamedLabels(output, rename)),
    prepare: map.prepare.map(renamed),
    finish: map.finish.map(renamed),
  };
}

function renamedLabels<Output extends OutputSpec>(output: Output, rename: (path: string) => string): Output {
  const { labels } = output;
  if (labels === undefined || !("file" in labels)) return output;
  return { ...output, labels: { file: rename(labels.file) } };
}

function renamedIn<T extends object>(value: T, keys: readonly string[], rename: (path: string) => string): T {
  const values = value as Readonly<Record<string, unknown>>;
  const renamed = keys.flatMap((key) => {
    const path = values[key];
    return typeof path === "string" ? [[key, rename(path)]] : [];
  });
  return { ...value, ...Object.fromEntries(renamed) };
}

/** Returns the key `tables` with renamed files. Empty: the job has no tables. */
export function withTableFiles(
  { tables }: Pick<JobSpec, "tables">,
  rename: (path: string) => string,
): Pick<JobSpec, "tables"> {
  if (tables === undefined) return {};
  const renamed = Object.entries(tables).map(([name, path]) => [name, rename(path)] as const);
  return { tables: Object.fromEntries(renamed) };
}

/** Returns reductions with renamed program files. */
export function withReductionFiles(
  reduce: JobSpec["reduce"],
  rename: (path: string) => string,
): JobSpec["reduce"] {
  const renamed = Object.entries(reduce).map(([name, reduction]) => {
    const named = reductionValue(reduction);
    if (named === null) return [name, reduction] as const;
    return [name, { ...reduction, [named.part.key]: rename(named.value) }] as const;
  });
  return Object.fromEntries(renamed);
}
