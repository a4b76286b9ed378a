import { STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";

/**
 * The busy shares of a worker out of those of its shard threads: what they had the lanes do adds up, every
 * other stage is a mean over the threads, one that has not told yet counting as idle.
 */
export function mergeShares(threads: readonly StageShares[], count: number): StageShares {
  const merged: Partial<Record<Stage, number>> = {};
  for (const stage of STAGES) {
    const told = threads.flatMap((shares) => shares[stage] ?? []);
    if (told.length === 0) continue;
    const sum = told.reduce((total, share) => total + share, 0);
    merged[stage] = Math.min(1, stage === "infer" ? sum : sum / count);
  }
  return merged;
}
