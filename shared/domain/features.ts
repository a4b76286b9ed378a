import { EXTENSIONS } from "#extensions";
import type { FeatureSpec } from "./step-binding.ts";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

/** Keys of an input in the job file that make it of files, with the images of the engine. */
export const FILE_KEYS: readonly string[] = ["image", ...FEATURES.map(({ key }) => key)];

/** The values of an input's keys that make it of files, by key. */
export function fileSpecs(input: object): readonly (readonly [key: string, spec: FeatureSpec])[] {
  const keys = input as Readonly<Record<string, FeatureSpec | undefined>>;
  return FILE_KEYS.flatMap((key) => {
    const spec = keys[key];
    return spec === undefined ? [] : [[key, spec] as const];
  });
}

/** Whether an input is made by a feature. */
export function hasFeature(input: object): boolean {
  return FEATURES.some(({ key }) => Object.hasOwn(input, key));
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
