import { fileSpecs, stepValue } from "./features.ts";
import type { InputSpec, StepSpec } from "./map-spec.ts";
import type { FeatureSpec } from "./step-binding.ts";

/** Parts of a map that name folders of relative paths. */
interface FolderParts {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly prepare: readonly StepSpec[];
  readonly finish: readonly StepSpec[];
}

/** Folder of relative paths in a column. */
interface NamedFolder {
  /** Keys that lead to it. */
  readonly path: readonly (string | number)[];
  readonly folder: string;
}

/** Returns the folders that inputs and steps name. */
export function foldersIn({ inputs, prepare, finish }: FolderParts): readonly NamedFolder[] {
  const ofInputs = Object.entries(inputs).flatMap(([name, input]) =>
    fileSpecs(input).map(([key, { folder }]) => ({ path: ["map", "inputs", name, key, "folder"], folder })),
  );
  const ofSteps = Object.entries({ prepare, finish }).flatMap(([stage, steps]) =>
    steps.flatMap((step, at) => {
      const named = folderStep(step);
      return named === null
        ? []
        : [{ path: ["map", stage, at, named.key, "folder"], folder: named.value.folder }];
    }),
  );
  return [...ofInputs, ...ofSteps];
}

/** Returns a map with other values where a value names a folder. */
export function withFolders<Map extends FolderParts>(map: Map, change: (value: FeatureSpec) => object): Map {
  const inputs = Object.entries(map.inputs).map(([name, input]) => {
    const files = fileSpecs(input).map(([key, spec]) => [key, change(spec)]);
    return [name, { ...input, ...Object.fromEntries(files) }];
  });
  const changed = (step: StepSpec): StepSpec => {
    const named = folderStep(step);
    return named === null ? step : { ...step, [named.key]: change(named.value) };
  };
  return {
    ...map,
    inputs: Object.fromEntries(inputs),
    prepare: map.prepare.map(changed),
    finish: map.finish.map(changed),
  };
}

/** Returns the key and the value of a step that names a folder. Null: it names none. */
function folderStep(step: StepSpec): { readonly key: string; readonly value: FeatureSpec } | null {
  const named = stepValue(step);
  if (named === null || named.part.hasFolder !== true) return null;
  return { key: named.part.key, value: named.value as FeatureSpec };
}
