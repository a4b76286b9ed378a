import { expect, test } from "vitest";
import { LongRun } from "../../../sim/long-run.ts";

function aRun(isTTY: boolean) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const output = { isTTY, columns: 40, write: (text: string) => written.push(text) };
  return { written, clock, run: new LongRun({ output, nowMs: () => clock.ms }) };
}

test("on a terminal one line with the time left is overwritten, and cleared at the end", () => {
  const { written, clock, run } = aRun(true);
  using _ends = run;
  run.at(null, "begins");
  clock.ms = 60_000;
  run.at(0.25, "seed 7, which is a long one, and longer");
  expect(written).toEqual(["\r0s: begins\x1b[K", "\r25 %, 3m 0s left: seed 7, which is a lo\x1b[K"]);
  run[Symbol.dispose]();
  expect(written.at(-1)).toBe("\r\x1b[K");
});

test("without a terminal a full line is printed every half minute", () => {
  const { written, clock, run } = aRun(false);
  using _ends = run;
  for (clock.ms = 0; clock.ms <= 65_000; clock.ms += 5_000) run.at(clock.ms / 100_000, `at ${clock.ms}`);
  expect(written).toEqual(["30 %, 1m 10s left: at 30000\n", "60 %, 40s left: at 60000\n"]);
});

test("a printed line stands alone, and the progress continues below it", () => {
  const { written, run } = aRun(true);
  using _ends = run;
  run.at(null, "works");
  run.print("found", (text) => written.push(text));
  expect(written.slice(1)).toEqual(["\r\x1b[K", "found", "\r0s: works\x1b[K"]);
});

test("the time left is omitted while almost nothing is done", () => {
  const { written, clock, run } = aRun(true);
  using _ends = run;
  clock.ms = 90_000;
  run.at(0.001, "works");
  expect(written).toEqual(["\r1m 30s: works\x1b[K"]);
});
