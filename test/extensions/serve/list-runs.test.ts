import { expect, it } from "vitest";
import { listed } from "../../../extensions/serve/list-runs.ts";
import { asWindowId } from "../../../extensions/serve/queue/window-id.ts";
import type { TriggerState } from "../../../extensions/serve/trigger/trigger-state.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { aJobId } from "../../support/ids.ts";

const at = (hour: number) => Date.UTC(2026, 10, 28, hour);
const folder = (hour: number) => {
  const id = `20261128T${String(hour).padStart(2, "0")}0000Z`;
  return { id, output: parseLocation(`/out/run=${id}`), manifest: null };
};

it("runs from folders and the ledger are listed once, ordered by time", () => {
  const ledger: TriggerState = {
    schedule: "",
    decidedMs: at(6),
    waiting: [at(5)],
    past: [
      { kind: "skipped", atMs: at(1), untilMs: at(2), why: "missed" },
      {
        kind: "ran",
        atMs: at(3),
        outcome: "failed",
        endedMs: at(4),
        jobId: aJobId("a-1"),
        reason: "INPUT_NOT_FOUND: none",
      },
    ],
  };
  const runs = listed([folder(0), folder(3), folder(5)], { ledger, windows: [] }, 10);
  expect(runs.map(({ id, until, state, why }) => [id.slice(9, 11), until?.slice(9, 11), state, why])).toEqual(
    [
      ["00", undefined, "unfinished", null],
      ["01", "02", "left out", "no process served the job then, and catchUp excludes this run"],
      ["03", undefined, "failed", "INPUT_NOT_FOUND: none"],
      ["05", undefined, "waiting", null],
    ],
  );
  expect(listed([folder(0), folder(3)], { ledger, windows: [] }, 1).map(({ state }) => state)).toEqual([
    "waiting",
  ]);
  expect(listed([folder(0)], { ledger: null, windows: [] }, 0)).toEqual([]);
});

it("waiting and failed windows of a queue are listed", () => {
  const parts = { closedMs: 0, keys: ["a", "b"], counts: [1, 1], input: [], left: [] };
  const window = { ...parts, failed: null, acknowledged: null };
  const windows = [
    { ...window, id: asWindowId("20261128T013000001Z-0a1b2c") },
    {
      ...window,
      id: asWindowId("20261128T013000002Z-0a1b2c"),
      failed: { attempts: 2, reason: "MODEL_NOT_FOUND: gone", jobId: null },
    },
  ];
  const runs = listed([], { ledger: null, windows }, 10);
  expect(runs.map(({ state, why }) => [state, why])).toEqual([
    ["waiting", "2 messages"],
    ["failed", "2 messages, failed 2 times, will be retried: MODEL_NOT_FOUND: gone"],
  ]);
});
