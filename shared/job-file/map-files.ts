import type { JobSpec } from "../domain/job-spec.ts";
import type { InputSpec, StepSpec } from "../domain/map-spec.ts";

interface MapParts {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly prepare: readonly StepSpec[];
  readonly finish: readonly StepSpec[];
}

/** A map whose files are named otherwise: `rename` is given each path, in order. */
export function withFiles<Map extends MapParts>(map: Map, rename: (path: string) => string): Map {
  const inputs = Object.entries(map.inputs).map(([name, { tokenizer, ...input }]) => {
    return [name, tokenizer === undefined ? input : { ...input, tokenizer: rename(tokenizer) }] as const;
  });
  const renamed = ({ split, module, ...step }: StepSpec): StepSpec => ({
    ...step,
    ...(split === undefined ? {} : { split: { ...split, tokenizer: rename(split.tokenizer) } }),
    ...(module === undefined ? {} : { module: rename(module) }),
  });
  return {
    ...map,
    inputs: Object.fromEntries(inputs),
    prepare: map.prepare.map(renamed),
    finish: map.finish.map(renamed),
  };
}

/** The same of the reductions: those of the user's own code are files. */
export function withReductionFiles(
  reduce: JobSpec["reduce"],
  rename: (path: string) => string,
): JobSpec["reduce"] {
  const renamed = Object.entries(reduce).map(([name, reduction]) => {
    const { module } = reduction;
    return [name, module === undefined ? reduction : { ...reduction, module: rename(module) }] as const;
  });
  return Object.fromEntries(renamed);
}
