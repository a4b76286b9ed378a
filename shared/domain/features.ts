import { EXTENSIONS } from "#extensions";
import type { FeatureSpec, StepBinding, StepValue } from "./step-binding.ts";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

type Feature = (typeof FEATURES)[number];

/** Inputs that steps of extensions make of columns. */
export const INPUTS = EXTENSIONS.flatMap(({ input }) => input ?? []);

/** Steps of extensions that a job file names. */
export const STEPS = EXTENSIONS.flatMap(({ steps }) => steps ?? []);

type StepPart = (typeof STEPS)[number];

/** Reductions of extensions that a job file names. */
export const REDUCTIONS = EXTENSIONS.flatMap(({ reductions }) => reductions ?? []);

type ReductionPart = (typeof REDUCTIONS)[number];

const STEP_KINDS = [...INPUTS, ...STEPS].map(({ step }) => step);

/** Parts that know facts of a model's folder. */
export const FOLDER_PARTS = [...INPUTS, ...FEATURES];

/** Keys of an input in the job file that make it of files. */
export const FILE_KEYS: readonly string[] = FEATURES.map(({ key }) => key);

/** Value of one of these keys; undefined where the input does not have it. */
export function fileSpec(input: object, key: string): FeatureSpec | undefined {
  return (input as Readonly<Record<string, FeatureSpec | undefined>>)[key];
}

/** Values of the keys that an input has of these, by key. */
export function fileSpecs(input: object): readonly (readonly [key: string, spec: FeatureSpec])[] {
  return FILE_KEYS.flatMap((key) => {
    const spec = fileSpec(input, key);
    return spec === undefined ? [] : [[key, spec] as const];
  });
}

/** Returns an input without the key of a feature. */
export function withoutFeature<T extends object>(input: T, key: string): T {
  return Object.fromEntries(Object.entries(input).filter(([name]) => name !== key)) as T;
}

/** Returns whether a feature makes an input. */
export function hasFeature(input: object): boolean {
  return FEATURES.some(({ key }) => fileSpec(input, key) !== undefined);
}

/** Loads the planners of all features, by key. */
export function loadPlanners() {
  return loadAll(FEATURES, ({ loadPlanner }) => loadPlanner());
}

/** Loads what reads a model's folder, by key. */
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

/** Loads what features make of files in a draft, in their order. */
export async function loadWays() {
  return await Promise.all(FEATURES.flatMap(({ draft }) => draft?.loadWays() ?? []));
}

/** Loads what inputs that steps make are in a draft, by key. */
export function loadStepDrafts() {
  return loadAll(INPUTS, ({ loadDraft }) => loadDraft());
}

/** @throws for a key that no feature has: what names one was checked before */
export function featureOf(key: string): Feature {
  const feature = FEATURES.find((each) => each.key === key);
  if (feature === undefined) throw new Error(`broken invariant: no feature ${key}`);
  return feature;
}

/** @throws for a kind that no extension has: what names one was checked before */
export function stepKindOf(kind: string) {
  const step = STEP_KINDS.find((each) => each.kind === kind);
  if (step === undefined) throw new Error(`broken invariant: no step ${kind}`);
  return step;
}

/** Value of a step of an extension in the job file, with its part. Null: the step is none of an extension. */
export function stepValue(step: object): { readonly part: StepPart; readonly value: StepValue } | null {
  const values = step as Readonly<Record<string, StepValue | undefined>>;
  for (const part of STEPS) {
    const value = values[part.key];
    if (value !== undefined) return { part, value };
  }
  return null;
}

/** Program of a reduction in the job file, with its part. Null: the reduction is SQL. */
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

/** @throws for a key that no reduction has: what names one was checked before */
export function reductionPartOf(key: string): ReductionPart {
  const part = REDUCTIONS.find((each) => each.key === key);
  if (part === undefined) throw new Error(`broken invariant: no reduction ${key}`);
  return part;
}

/** Path of the program that a step runs, as people are shown it. Null: it runs none. */
export function programOf({ op }: Pick<StepBinding, "op">): string | null {
  return op.kind === "extension" ? (stepKindOf(op.step).programPath?.(op.data) ?? null) : null;
}

/** Keys of an input that name files of the steps which make inputs. */
export const INPUT_FILE_KEYS: readonly string[] = INPUTS.flatMap(({ files }) => files?.keys ?? []);

/** Returns whether a step of an extension may make an input. */
export function mayBeMade(name: string, input: object): boolean {
  return INPUTS.some((part) => part.mayMake(name, input));
}
