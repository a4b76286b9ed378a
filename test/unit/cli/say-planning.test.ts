import { Writable } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sayPlanning } from "../../../cli/say-planning.ts";
import { PlanProgress } from "../../../coordinator/plan/plan-progress.ts";

class Told extends Writable {
  text = "";
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function planning(stream: Told): void {
  const progress = new PlanProgress();
  using _saying = sayPlanning(progress, stream);
  vi.advanceTimersByTime(2_900);
  expect(stream.text).toBe("");
  vi.advanceTimersByTime(200);
  progress.filesFound = 120_000;
  vi.advanceTimersByTime(20_000);
  progress.footers = { read: 64, of: 119_000 };
  vi.advanceTimersByTime(10_000);
  progress.footers = { read: 119_000, of: 119_000 };
  vi.advanceTimersByTime(10_000);
}

test("long planning is reported in lines, each printed once", () => {
  const stream = new Told(false);
  planning(stream);
  vi.advanceTimersByTime(60_000);
  expect(stream.text.split("\n")).toEqual([
    "checking the input, the model and the SQL ...",
    "checking the input: 120,000 files are found ...",
    "checking the input: 64 of 119,000 files are read ...",
    "checking the input, the model and the SQL ...",
    "",
  ]);
});

test("the progress of a model fetch is shown before everything else", () => {
  const stream = new Told(true);
  const progress = new PlanProgress();
  progress.filesFound = 120_000;
  using _saying = sayPlanning(progress, stream);
  progress.fetching.expect(10 << 20);
  vi.advanceTimersByTime(3_000);
  progress.fetching.came(5 << 20);
  vi.advanceTimersByTime(500);
  progress.fetching.came(5 << 20);
  vi.advanceTimersByTime(500);
  const said = stream.text.split("\r\x1b[K").slice(1);
  expect(said).toEqual([
    "fetching the model: 0 B of 10.0 MiB, 0 B/s ...",
    expect.stringMatching(/^fetching the model: 5\.0 MiB of 10\.0 MiB, [\d.]+ [KM]iB\/s \.\.\.$/),
    "checking the input: 120,000 files are found ...",
  ]);
});

test("on a terminal one line is overwritten, and cleared at the end", () => {
  const stream = new Told(true);
  planning(stream);
  expect(stream.text).not.toContain("\n");
  expect(stream.text.split("\r\x1b[K").slice(1)).toEqual([
    "checking the input, the model and the SQL ...",
    "checking the input: 120,000 files are found ...",
    "checking the input: 64 of 119,000 files are read ...",
    "checking the input, the model and the SQL ...",
    "",
  ]);
});

test("quick planning prints nothing", () => {
  const stream = new Told(true);
  using saying = sayPlanning(new PlanProgress(), stream);
  saying[Symbol.dispose]();
  vi.advanceTimersByTime(60_000);
  expect(stream.text).toBe("");
});
