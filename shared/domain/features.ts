import { EXTENSIONS } from "#extensions";
import type { FeatureSpec } from "./step-binding.ts";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

type Feature = (typeof FEATURES)[number];

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
  return loadAll(({ loadPlanner }) => loadPlanner());
}

/** Loads what reads a model's folder for features, by key. */
export function loadFolderReaders() {
  return loadAll(({ folder }) => folder?.loadReader());
}

async function loadAll<T>(load: (feature: Feature) => Promise<T> | undefined) {
  const loaded = FEATURES.flatMap((feature) => {
    const part = load(feature);
    return part === undefined ? [] : [part.then((found) => [feature.key, found] as const)];
  });
  return new Map(await Promise.all(loaded));
}

/** Loads what features make of files in a draft, in their order. */
export async function loadWays() {
  return await Promise.all(FEATURES.flatMap(({ draft }) => draft?.loadWays() ?? []));
}

/** @throws for a key that no feature has: what names one was checked before */
export function featureOf(key: string): Feature {
  const feature = FEATURES.find((each) => each.key === key);
  if (feature === undefined) throw new Error(`broken invariant: no feature ${key}`);
  return feature;
}
