import { EXTENSIONS } from "#extensions";

/** Features of all extensions. */
export const FEATURES = EXTENSIONS.flatMap(({ feature }) => feature ?? []);

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
