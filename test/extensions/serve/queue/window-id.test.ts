import { expect, it } from "vitest";
import { windowIds } from "../../../../extensions/serve/queue/window-id.ts";

it("the ids of windows increase, also when the clock is set back", () => {
  const times = [Date.UTC(2026, 10, 28, 1, 30), Date.UTC(2026, 10, 28, 1, 30), Date.UTC(2020, 0, 1)];
  const sources = { wallMs: () => times.shift() ?? 0, random: { hex: () => "0a1b2c" } };
  const next = windowIds(null, sources);
  const ids = [next(), next(), next()];
  expect(ids).toEqual([
    "20261128T013000000Z-0a1b2c",
    "20261128T013000001Z-0a1b2c",
    "20261128T013000002Z-0a1b2c",
  ]);
  expect(windowIds(ids[2] ?? null, sources)()).toBe("20261128T013000003Z-0a1b2c");
});
