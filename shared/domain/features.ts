import { EXTENSIONS } from "#extensions";
import type { FeatureSpec, StepBinding, StepValue } from "./step-binding.ts";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

type Feature = (typeof FEATURES)[number];

/** Inputs that extensions' steps make from columns. */
export const INPUTS = EXTENSIONS.flatMap(({ input }) => input ?? []);

/** Steps of extensions, for job files. */
export const STEPS = EXTENSIONS.flatMap(({ steps }) => steps ?? []);

type StepPart = (typeof STEPS)[number];

/** Reductions of extensions, for job files. */
export const REDUCTIONS = EXTENSIONS.flatMap(({ reductions }) => reductions ?? []);

type ReductionPart = (typeof REDUCTIONS)[number];

export const STEP_KINDS = [...INPUTS, ...STEPS].map(({ step }) => step);

/** Parts that read facts from a model's folder. */
export const FOLDER_PARTS = [...INPUTS, ...FEATURES];

/** Keys of an input in the job file that make it from files. */
export const FILE_KEYS: readonly string[] = FEATURES.map(({ key }) => key);

/** Returns the value of one of these keys. Undefined: the input does not have the key. */
export function fileSpec(input: object, key: string): FeatureSpec | undefined {
  return (input as Readonly<Record<string, FeatureSpec | undefined>>)[key];
}

/** Returns the feature keys that an input has, with their values. */
export function fileSpecs(input: object): readonly (readonly [key: string, spec: FeatureSpec])[] {
  return FILE_KEYS.flatMap((key) => {
    const spec = fileSpec(input, key);
    return spec === undefined ? [] : [[key, spec] as const];
  });
}

/** Returns an input without a feature's key. */
export function withoutFeature<T extends object>(input: T, key: string): T {
  return Object.fromEntries(Object.entries(input).filter(([name]) => name !== key)) as T;
}

/** Checks whether a feature makes an input. */
export function hasFeature(input: object): boolean {
  return FEATURES.some(({ key }) => fileSpec(input, key) !== undefined);
}

/** Loads the planners of all features, by key. */
export function loadPlanners() {
  return loadAll(FEATURES, ({ loadPlanner }) => loadPlanner());
}

/** Loads the readers of a model's folder, by key. */
export function loadFolderReaders() {
  return loadAll(FOLDER_PARTS, ({ folder }) => folder?.loadReader());
}

/** Loads the planners of inputs that steps make, by key. */
export function loadInputPlanners() {
  return loadAll(INPUTS, ({ loadPlanner }) => loadPlanner());
}

async function loadAll<Part extends { readonly key: string }, T>(
  parts: readonly Part[],
  load: (part: Part) => Promise<T> | undefined,
) {
  const loaded = parts.flatMap((part) => {
    const loading = load(part);
    return loading === undefined ? [] : [loading.then((found) => [part.key, found] as const)];
  });
  return new Map(await Promise.all(loaded));
}

/** Loads the draft ways of all features, in their order. */
export async function loadWays() {
  return await Promise.all(FEATURES.flatMap(({ draft }) => draft?.loadWays() ?? []));
}

/** Loads the drafts of inputs that steps make, by key. */
export function loadStepDrafts() {
  return loadAll(INPUTS, ({ loadDraft }) => loadDraft());
}

/** @throws when no feature has the key, which callers check before */
export function featureOf(key: string): Feature {
  const feature = FEATURES.find((each) => each.key === key);
  if (feature === undefined) throw new Error(`broken invariant: no feature ${key}`);
  return feature;
}

/** @throws when no extension has the kind, which callers check before */
export function stepKindOf(kind: string) {
  const step = STEP_KINDS.find((each) => each.kind === kind);
  if (step === undefined) throw new Error(`broken invariant: no step ${kind}`);
  return step;
}

/**
 * Returns the value of an extension's step in the job file, with its part. Null: no extension has this step.
 */
export function stepValue(step: object): { readonly part: StepPart; readonly value: StepValue } | null {
  const values = step as Readonly<Record<string, StepValue | undefined>>;
  for (const part of STEPS) {
    const value = values[part.key];
    if (value !== undefined) return { part, value };
  }
  return null;
}

/** Returns the program of a reduction in the job file, with its part. Null: the reduction is SQL. */
export function reductionValue(
  reduction: object,
): { readonly part: ReductionPart; readonly value: string } | null {
  const values = reduction as Readonly<Record<string, string | undefined>>;
  for (const part of REDUCTIONS) {
    const value = values[part.key];
    if (value !== undefined) return { part, value };
  }
  return null;
}

/** @throws when no reduction has the key, which callers check before */
export function reductionPartOf(key: string): ReductionPart {
  const part = REDUCTIONS.find((each) => each.key === key);
  if (part === undefined) throw new Error(`broken invariant: no reduction ${key}`);
  return part;
}

/** Returns the path of the program that a step runs, for people. Null: the step runs no program. */
export function programOf({ op }: Pick<StepBinding, "op">): string | null {
  return op.kind === "extension" ? (stepKindOf(op.step).programPath?.(op.data) ?? null) : null;
}

/** Keys of an input that name files for the steps that make inputs. */
export const INPUT_FILE_KEYS: readonly string[] = INPUTS.flatMap(({ files }) => files?.keys ?? []);

/** Checks whether a step of an extension may make an input. */
export function mayBeMade(name: string, input: object): boolean {
  return INPUTS.some((part) => part.mayMake(name, input));
}
