import { expect, test } from "vitest";
import { hangingIn, ProcessFigures, type WorkerBeat } from "../../../../worker/http/process-figures.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const BEAT: WorkerBeat = { leases: 1, busy: {}, padding: null, batch: null, stores: [] };

test("a joined process hangs after two minutes without a report, until it reports or restarts", () => {
  const clock = new VirtualClock();
  const figures = new ProcessFigures(clock);
  const hanging = () => hangingIn(figures.all);
  figures.began("node-1", "cpu");
  figures.began("node-2", "cpu");
  // A process that has not joined waits for a coordinator, and has nothing to report.
  clock.skip(600_000);
  expect(hanging()).toEqual([]);
  figures.joined("node-1");
  figures.joined("node-2");
  clock.skip(100_000);
  figures.beat("node-2", BEAT);
  clock.skip(20_000);
  expect(hanging()).toEqual([]);
  clock.skip(1_000);
  expect(hanging()).toEqual(["the process of node-1 has not reported for 121 s"]);
  figures.beat("node-1", BEAT);
  expect(hanging()).toEqual([]);
  clock.skip(121_000);
  expect(hanging()).toHaveLength(2);
  figures.ended("node-1", "exited");
  figures.began("node-1", "cpu");
  expect(hanging()).toEqual(["the process of node-2 has not reported for 142 s"]);
});
