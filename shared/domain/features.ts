import { EXTENSIONS } from "#extensions";
import type { FeatureSpec } from "./step-binding.ts";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

/** Keys of an input in the job file that make it of files, with the images of the engine. */
export const FILE_KEYS: readonly string[] = ["image", ...FEATURES.map(({ key }) => key)];

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
export async function loadPlanners() {
  const loaded = FEATURES.map(async ({ key, loadPlanner }) => [key, await loadPlanner()] as const);
  return new Map(await Promise.all(loaded));
}

/** @throws for a key that no feature has: what names one was checked before */
export function featureOf(key: string): (typeof FEATURES)[number] {
  const feature = FEATURES.find((each) => each.key === key);
  if (feature === undefined) throw new Error(`broken invariant: no feature ${key}`);
  return feature;
}
