import { expect, test } from "vitest";
import { listed } from "../../../../extensions/serve/list-runs.ts";
import type { TimedTrigger } from "../../../../extensions/serve/spec/trigger-spec.ts";
import type { RunOutcome } from "../../../../extensions/serve/trigger/run-outcome.ts";
import { TimedRuns } from "../../../../extensions/serve/trigger/timed-runs.ts";
import type { TriggerState } from "../../../../extensions/serve/trigger/trigger-state.ts";
import { errorToData, ShardmillError } from "../../../../shared/core/errors.ts";
import { aJobId } from "../../../support/ids.ts";

/** Runs of a schedule that fail, and are retried. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HOURLY: TimedTrigger = {
  kind: "timed",
  timeZone: "UTC",
  schedule: { kind: "every", everyMs: HOUR },
  catchUp: "last",
  overlap: "skip",
  retries: 2,
};
const FAILED: RunOutcome = {
  outcome: "failed",
  jobId: aJobId("j"),
  failure: errorToData(new ShardmillError("MODEL_FAILED", "no")),
};
const PUBLISHED: RunOutcome = { outcome: "published", jobId: aJobId("j"), failure: null };

/** Returns a process that serves a job. Its stored state survives a restart. */
function aServer(outcomes: RunOutcome[]) {
  const disk: { state: TriggerState | null } = { state: null };
  const begun: (readonly [number, number])[] = [];
  const noted: string[] = [];
  let wallMs = 0;
  const start = () =>
    new TimedRuns({
      ledger: {
        get state() {
          return disk.state;
        },
        save: async (state) => {
          disk.state = JSON.parse(JSON.stringify(state)) as TriggerState;
        },
      },
      run: async (atMs) => {
        begun.push([atMs / MINUTE, wallMs / MINUTE]);
        return outcomes.shift() ?? PUBLISHED;
      },
      wallMs: () => wallMs,
      onEnded: () => {},
      onNoted: ({ outcome }, isBegunAgain) => noted.push(isBegunAgain ? "begun again" : outcome),
    });
  let runs = start();
  return {
    disk,
    begun,
    noted,
    restart: () => {
      runs = start();
    },
    /** Steps every half a minute, up to a minute. */
    async until(minute: number, trigger = HOURLY) {
      for (; wallMs <= minute * MINUTE; wallMs += MINUTE / 2) {
        await runs.step(trigger);
        // Its run has ended, and the next step notes that.
        await new Promise(setImmediate);
      }
    },
    get past() {
      const past = disk.state?.past ?? [];
      return past.map((one) => [one.atMs / MINUTE, one.kind === "ran" ? one.outcome : one.why]);
    },
  };
}

test("a failed run is retried after one and after two minutes, and then recorded as failed", async () => {
  const server = aServer([FAILED, FAILED, FAILED]);
  await server.until(119);
  // Noted half a minute after its end, which equals its start here.
  expect(server.begun).toEqual([
    [60, 60],
    [60, 61],
    [60, 63],
  ]);
  expect(server.noted).toEqual(["begun again", "begun again", "failed"]);
  expect(server.past).toEqual([[60, "failed"]]);
  expect(server.disk.state).not.toHaveProperty("retry");
  await server.until(130);
  expect(server.past).toEqual([
    [60, "failed"],
    [120, "published"],
  ]);
});

test("a failed run is listed with its number of failures until it publishes, also after a restart", async () => {
  const server = aServer([FAILED]);
  await server.until(60.5);
  const ledger = server.disk.state;
  expect(listed([], { ledger, windows: [] }, 5)).toMatchObject([
    {
      id: "19700101T010000Z",
      state: "failed",
      job: "j",
      why: "MODEL_FAILED: no (failed once, will be retried)",
    },
  ]);
  server.restart();
  await server.until(60.5);
  expect(server.begun).toHaveLength(1);
  await server.until(70);
  expect(server.begun.map(([, minute]) => minute)).toEqual([60, 61]);
  expect(server.past).toEqual([[60, "published"]]);
});

test("a retried run delays later runs, which wait or are skipped as `overlap` sets", async () => {
  const often = { ...HOURLY, schedule: { kind: "every", everyMs: MINUTE } } as const;
  const skipping = aServer([FAILED, FAILED]);
  await skipping.until(4.5, often);
  // Consecutive skipped instants are one entry.
  expect(skipping.begun.map(([at]) => at)).toEqual([1, 1, 1]);
  expect(skipping.past).toEqual([
    [2, "overlap"],
    [1, "published"],
  ]);
  const queueing = aServer([FAILED]);
  await queueing.until(6, { ...often, overlap: "queue" });
  expect(queueing.begun.map(([at]) => at).slice(0, 4)).toEqual([1, 1, 2, 3]);
  expect(queueing.past.every(([, what]) => what === "published")).toBe(true);
});

test.each([
  ["no retries are set", FAILED, 0],
  ["the run was cancelled", { outcome: "cancelled", jobId: aJobId("j"), failure: null } as const, 2],
])("a run is not retried where %s", async (_why, outcome, retries) => {
  const server = aServer([outcome]);
  await server.until(100, { ...HOURLY, retries });
  expect(server.begun).toHaveLength(1);
  expect(server.past).toEqual([[60, outcome.outcome]]);
});
