import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { type ChooseLanesOptions, chooseLanes } from "../../../../worker/lanes/choose-lanes.ts";
import type { LanePlan } from "../../../../worker/lanes/lane-plan.ts";
import type { LaneSet } from "../../../../worker/lanes/lane-set.ts";

const usual: LanePlan = { lanes: 2, threads: 1, spinning: false };
const single: LanePlan = { lanes: 1, threads: 2, spinning: false };
const spinning: LanePlan = { lanes: 1, threads: 2, spinning: true };

/**
 * Chooses among lanes that run so many rows a second: null for a plan that cannot be measured, an error for
 * one that fails.
 */
async function choose(
  rates: readonly [LanePlan, number | null | ShardmillError][],
  changes: Partial<ChooseLanesOptions> & {
    loadMs?: number;
    estimated?: number | null;
    failing?: LanePlan;
    onStart?: (starts: number) => void;
  } = {},
) {
  const { loadMs = 10, estimated = 1_000, failing, onStart, ...options } = changes;
  const started: LanePlan[] = [];
  const open = new Set<LanePlan>();
  let mostOpen = 0;
  const start = async (plan: LanePlan): Promise<LaneSet> => {
    if (plan === failing) throw new ShardmillError("OUT_OF_MEMORY", "the weights do not fit");
    started.push(plan);
    onStart?.(started.length);
    open.add(plan);
    mostOpen = Math.max(mostOpen, open.size);
    return {
      count: plan.lanes,
      loadMs,
      connect: () => [],
      onBroken: () => {},
      [Symbol.asyncDispose]: async () => void open.delete(plan),
    };
  };
  let measured = 0;
  const measure = async () => {
    measured += 1;
    const rate = rates.find(([plan]) => plan === started.at(-1))?.[1] ?? null;
    if (rate instanceof ShardmillError) throw rate;
    return rate;
  };
  const choosing = chooseLanes({
    usual,
    others: [single, spinning],
    rowsInput: 1_000_000,
    start,
    estimate: async () => estimated,
    measure,
    ...options,
  });
  return { choosing, started, open, mostOpen: () => mostOpen, measured: () => measured };
}

test("the plan that runs most rows a second is left open, alone, and all figures are told", async () => {
  const { choosing, open, mostOpen } = await choose([
    [usual, 1_000],
    [single, 1_200],
    [spinning, 1_500],
  ]);
  const { plan, figures } = await choosing;
  expect(plan).toBe(spinning);
  expect(figures.map(({ rowsPerSecond }) => rowsPerSecond)).toEqual([1_000, 1_200, 1_500]);
  expect([...open]).toEqual([spinning]);
  expect(mostOpen()).toBe(1);
});

test("a plan that wins once, and not again, is not chosen", async () => {
  const rates: [LanePlan, number][] = [
    [usual, 1_000],
    [single, 1_300],
    [spinning, 900],
  ];
  const { choosing, open, started } = await choose(rates, {
    onStart: (starts) => {
      if (starts === 4) rates[0] = [usual, 1_300];
    },
  });
  expect((await choosing).plan).toBe(usual);
  expect(started).toEqual([usual, single, spinning, usual, single, usual]);
  expect([...open]).toEqual([usual]);
});

test("a gain within the noise is none: the usual plan is kept", async () => {
  const { choosing, open } = await choose([
    [usual, 1_000],
    [single, 1_040],
    [spinning, 1_049],
  ]);
  expect((await choosing).plan).toBe(usual);
  expect([...open]).toEqual([usual]);
});

describe("the usual plan is taken without measuring the others", () => {
  test.each<[string, number | null, Parameters<typeof choose>[1]]>([
    ["there are none", 1_000, { others: [] }],
    ["the model takes long to load", 1_000, { loadMs: 5_000 }],
    ["the model is too slow, or fails in a trial", null, {}],
    ["the job looks too short to gain from it", 1_000, { estimated: 10_000 }],
    ["the model is too slow to look", 1_000, { estimated: null }],
    ["the job turns out to be too short", 1_000_000, {}],
  ])("when %s", async (_when, rate, changes) => {
    const { choosing, started, open } = await choose([[usual, rate]], changes);
    expect(await choosing).toMatchObject({ plan: usual, figures: [] });
    expect(started).toEqual([usual]);
    expect([...open]).toEqual([usual]);
  });
});

test("a job that looks too short is not measured at all", async () => {
  const { choosing, measured } = await choose([[usual, 1_000]], { estimated: 10_000 });
  await choosing;
  expect(measured()).toBe(0);
});

test("a plan that does not start, or cannot be measured, is not chosen", async () => {
  const { choosing, open } = await choose(
    [
      [usual, 1_000],
      [spinning, null],
    ],
    { failing: single },
  );
  const { plan, figures } = await choosing;
  expect(plan).toBe(usual);
  expect(figures.map(({ rowsPerSecond }) => rowsPerSecond)).toEqual([1_000, 0, 0]);
  expect([...open]).toEqual([usual]);
});

test("a lane that dies in a trial is told, and nothing is left open", async () => {
  const died = new ShardmillError("WORKER_DIED", "gone");
  for (const rates of [
    [[usual, died]],
    [
      [usual, 1_000],
      [single, died],
    ],
  ] as [LanePlan, number | ShardmillError][][]) {
    const { choosing, open } = await choose(rates);
    await expect(choosing).rejects.toBe(died);
    expect([...open]).toEqual([]);
  }
});
