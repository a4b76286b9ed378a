import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveProgress } from "../../../../cli/render/live-progress.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { plainStyle } from "../../../../shared/terminal/style.ts";
import { aJobStatus, aPublishedJob } from "../../../support/job-status.ts";
import { Screen } from "./screen.ts";

let status: JobStatus;
let nowMs: number;

beforeEach(() => {
  vi.useFakeTimers();
  status = aJobStatus();
  nowMs = 1_000;
});
afterEach(() => {
  vi.useRealTimers();
});

function aView(stream: NodeJS.WritableStream): LiveProgress {
  const clock = { nowMs: () => nowMs, wallMs: () => 0 };
  return new LiveProgress({ stream, clock, status: () => status, style: plainStyle });
}

function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

describe("progress on a terminal", () => {
  it("is drawn over the previous lines, however many they were", () => {
    const screen = new Screen();
    screen.write("before\n");
    using view = aView(screen);
    view.start();
    expect(screen.lines).toHaveLength(5);
    status = aJobStatus({ rowsDone: 7_000, deadLetters: 2 });
    pass(100);
    expect(screen.lines).toHaveLength(6);
    status = aJobStatus({ phase: "reducing" });
    pass(100);
    expect(screen.lines.map((line) => line.split(" ")[0])).toEqual([
      "before",
      "digits",
      expect.any(String),
      "shards",
    ]);
  });

  it("shows the last state when it is stopped, and nothing later", () => {
    const screen = new Screen();
    const view = aView(screen);
    view.start();
    status = aPublishedJob();
    view.stop();
    expect(screen.lines[0]).toBe("digits  published  4.2s");
    status = aJobStatus();
    pass(1_000);
    view.stop();
    expect(screen.lines[0]).toBe("digits  published  4.2s");
  });

  it("keeps a note above the view", () => {
    const screen = new Screen();
    using view = aView(screen);
    view.start();
    view.note("stopping");
    pass(300);
    expect(screen.lines.slice(0, 2)).toEqual(["stopping", "digits  running  4.2s"]);
    expect(screen.lines).toHaveLength(5);
  });

  it("is cut to the width of a terminal that becomes narrow", () => {
    const screen = new Screen();
    using view = aView(screen);
    view.start();
    screen.columns = 20;
    pass(100);
    expect(screen.lines.at(-1)).toBe("shards 4 of 8, 2 a…");
  });

  it("uses 80 columns for a terminal of unknown width", () => {
    const screen = new Screen();
    screen.columns = 0;
    using view = aView(screen);
    view.start();
    expect(screen.lines.at(-1)).toBe("shards 4 of 8, 2 at work; 2 workers; 6 attempts");
  });

  it("leaves no timer when it is stopped", () => {
    const view = aView(new Screen());
    view.start();
    expect(vi.getTimerCount()).toBe(1);
    view.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("progress without a terminal", () => {
  function aFile(): { stream: Writable; lines: () => string[] } {
    let text = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    });
    return { stream, lines: () => text.split("\n").slice(0, -1) };
  }

  it("is a plain line at the start and every five seconds, without control codes", () => {
    const { stream, lines } = aFile();
    using view = aView(stream);
    view.start();
    pass(4_900);
    expect(lines()).toHaveLength(1);
    pass(200);
    expect(lines()).toHaveLength(2);
    expect(lines()[1]).toMatch(/^digits running: [^\p{Control}]+$/u);
  });

  it("is a line when the phase changes, and a last line when the job ends", () => {
    const { stream, lines } = aFile();
    const view = aView(stream);
    view.start();
    status = aJobStatus({ phase: "reducing" });
    pass(100);
    status = aPublishedJob();
    view.stop();
    expect(lines().map((line) => line.split(":")[0])).toEqual([
      "digits running",
      "digits reducing",
      "digits published",
    ]);
  });

  it("writes a note as a line", () => {
    const { stream, lines } = aFile();
    using view = aView(stream);
    view.start();
    view.note("stopping");
    expect(lines().at(-1)).toBe("stopping");
  });
});
