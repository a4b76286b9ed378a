import { test } from "vitest";
import { FAULT_KINDS } from "../../fault/chaos-faults.ts";
import { chaosRound } from "../../fault/chaos-round.ts";

// Both wait more than they compute.
test.concurrent("a job whose workers and coordinator are killed, suspended and disconnected publishes the right rows", async ({
  expect,
}) => {
  const stories: string[] = [];
  const note = (story: string) => stories.push(story);
  const result = await chaosRound({
    seed: 11,
    workers: 4,
    shards: 180,
    hasTasks: true,
    faultSeconds: 12,
    note,
  });
  expect(result.problems, stories.join("\n")).toEqual([]);
  const unproved = FAULT_KINDS.filter((kind) => result.fired[kind] === 0);
  expect(unproved, stories.join("\n")).toEqual([]);
}, 900_000);

test.concurrent("two jobs on one repeatedly killed coordinator are both published with the right rows", async ({
  expect,
}) => {
  const stories: string[] = [];
  const note = (story: string) => stories.push(story);
  const result = await chaosRound({ seed: 12, workers: 4, jobs: 2, shards: 40, faultSeconds: 6, note });
  expect(result.problems, stories.join("\n")).toEqual([]);
  expect(result.fired.coordinatorKilled, stories.join("\n")).toBeGreaterThan(0);
}, 900_000);
