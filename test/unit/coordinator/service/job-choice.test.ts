import { expect, test } from "vitest";
import { FakeJob, Fleet } from "../../../support/job-choice-fleet.ts";

test("if there are fewer workers than equal jobs, the older jobs get them", () => {
  const fleet = new Fleet(new FakeJob("old", 9), new FakeJob("young", 9));
  for (let round = 0; round < 9; round += 1) expect(fleet.ask("a")).toBe("old");
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("workers are divided among equal jobs", () => {
  const fleet = new Fleet(new FakeJob("old", 99), new FakeJob("young", 99));
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(["old", "young", "old", "young"]);
});

test("workers that a job cannot use are assigned to another job", () => {
  const fleet = new Fleet(new FakeJob("old", 1), new FakeJob("young", 99));
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(["old", "young", "young", "young"]);
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("a new job gets its share as shards end, and no worker holds leases of two jobs", () => {
  const [old, young] = [new FakeJob("old", 99), new FakeJob("young", 99)];
  const fleet = new Fleet(old);
  for (const name of ["a", "b", "c", "d"]) expect(fleet.ask(name)).toBe("old");
  fleet.jobs.push(young);
  expect(fleet.ask("a")).toBeNull();
  expect(fleet.ask("b")).toBeNull();
  // The two shards in progress are its share.
  expect(fleet.ask("c")).toBe("old");
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
  fleet.finish("b");
  expect(fleet.ask("b")).toBe("young");
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("young");
  for (const name of ["c", "d"]) expect(fleet.ask(name)).toBe("old");
});

test("a job of higher priority gets as many workers as it has shards", () => {
  const [usual, urgent] = [new FakeJob("usual", 99), new FakeJob("urgent", 2, 5)];
  const fleet = new Fleet(usual);
  for (const name of ["a", "b", "c"]) expect(fleet.ask(name)).toBe("usual");
  fleet.jobs.push(urgent);
  expect(["a", "b", "c"].map((name) => fleet.ask(name))).toEqual([null, null, "usual"]);
  for (const name of ["a", "b"]) {
    fleet.finish(name);
    expect(fleet.ask(name)).toBe("urgent");
  }
  for (const name of ["a", "b"]) {
    fleet.finish(name);
    expect(fleet.ask(name)).toBe("usual");
  }
});

test("a job of lower priority gets the workers that the higher one does not use", () => {
  const fleet = new Fleet(new FakeJob("low", 99, -1), new FakeJob("high", 2));
  expect(["a", "b", "c"].map((name) => fleet.ask(name))).toEqual(["high", "high", "low"]);
});

test("a worker keeps its job if another worker takes the shard for which it was to change", () => {
  const [usual, urgent] = [new FakeJob("usual", 99), new FakeJob("urgent", 1, 5)];
  const fleet = new Fleet(usual);
  expect(fleet.ask("a")).toBe("usual");
  fleet.jobs.push(urgent);
  expect(fleet.ask("a")).toBeNull();
  expect(fleet.ask("b")).toBe("urgent");
  expect(fleet.ask("a")).toBe("usual");
});

test("a worker that holds leases of a job gets none of another", () => {
  const fleet = new Fleet(new FakeJob("old", 1), new FakeJob("young", 5));
  expect(fleet.ask("a")).toBe("old");
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("an older job without workers gets one worker back, once that worker holds no lease", () => {
  const [old, young] = [new FakeJob("old", 0), new FakeJob("young", 9)];
  const fleet = new Fleet(old, young);
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("young");
  old.waiting = 1;
  expect(fleet.ask("a")).toBeNull();
  expect(fleet.ask("b")).toBe("young");
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("old");
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("a younger job does not get the only worker of an older job", () => {
  const fleet = new Fleet(new FakeJob("old", 9), new FakeJob("young", 9));
  for (let round = 0; round < 9; round += 1) expect(fleet.ask("a")).toBe("old");
});

test("an idle worker that was to change its job but requests nothing is replaced by another worker", () => {
  const [old, young] = [new FakeJob("old", 0), new FakeJob("young", 9)];
  const fleet = new Fleet(old, young);
  for (const name of ["a", "b"]) expect(fleet.ask(name)).toBe("young");
  old.waiting = 1;
  expect(fleet.ask("a")).toBeNull();
  fleet.finish("a");
  fleet.forgetIdle();
  expect(fleet.ask("b")).toBeNull();
  fleet.finish("b");
  expect(fleet.ask("b")).toBe("old");
});

test("a worker that still runs shards of a job after a restart is assigned to that job first", () => {
  const [older, younger] = [new FakeJob("older", 5), new FakeJob("younger", 3)];
  const fleet = new Fleet(older, younger);
  expect(fleet.ask("w", younger)).toBe("younger");
  expect(fleet.ask("w", younger)).toBe("younger");
  expect(fleet.ask("w")).toBeNull();
  fleet.finish("w");
  expect(fleet.ask("w")).toBe("older");
});

test("a worker that has the model of a job is assigned to it before other workers", () => {
  const [one, other] = [new FakeJob("one", 99), new FakeJob("other", 1)];
  const fleet = new Fleet(one, other);
  const names = ["a", "b", "c", "d"];
  for (const name of names) fleet.ask(name);
  fleet.finish("b");
  expect(fleet.ask("b")).toBe("one");
  other.waiting = 9;
  // `b` still has its model.
  expect(fleet.ask("a")).toBe("one");
  expect(fleet.ask("b")).toBeNull();
  // One shard is less than a share, and no free worker has the model.
  expect(fleet.ask("c")).toBeNull();
  expect(fleet.ask("d")).toBe("one");
});

test("idle workers return to the jobs whose models they have", () => {
  const [one, other] = [new FakeJob("one", 99), new FakeJob("other", 99)];
  const fleet = new Fleet(one, other);
  const before = ["a", "b", "c", "d"].map((name) => fleet.ask(name));
  for (const name of ["a", "b", "c", "d"]) fleet.finish(name);
  fleet.forgetIdle();
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(before);
});
