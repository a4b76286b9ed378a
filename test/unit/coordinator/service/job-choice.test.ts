import { expect, test } from "vitest";
import { FakeJob, Fleet } from "../../../support/job-choice-fleet.ts";

test("of fewer workers than equal jobs, the older jobs get them", () => {
  const fleet = new Fleet(new FakeJob("old", 9), new FakeJob("young", 9));
  for (let round = 0; round < 9; round += 1) expect(fleet.ask("a")).toBe("old");
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("workers are shared out among equal jobs", () => {
  const fleet = new Fleet(new FakeJob("old", 99), new FakeJob("young", 99));
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(["old", "young", "old", "young"]);
});

test("a job that cannot use its share gives it away", () => {
  const fleet = new Fleet(new FakeJob("old", 1), new FakeJob("young", 99));
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(["old", "young", "young", "young"]);
  fleet.finish("a");
  expect(fleet.ask("a")).toBe("young");
});

test("a new job gets its share at the borders of shards: no worker holds leases of two", () => {
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

test("a higher priority takes over as many workers as it has shards for", () => {
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

test("a lower priority waits, and takes what the higher one leaves", () => {
  const fleet = new Fleet(new FakeJob("low", 99, -1), new FakeJob("high", 2));
  expect(["a", "b", "c"].map((name) => fleet.ask(name))).toEqual(["high", "high", "low"]);
});

test("a worker is told to stay after all where another took what it was sent for", () => {
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

test("an older job that nobody serves calls one worker back, which goes when it holds nothing", () => {
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

test("a younger job calls nobody from an older one that has but one worker", () => {
  const fleet = new Fleet(new FakeJob("old", 9), new FakeJob("young", 9));
  for (let round = 0; round < 9; round += 1) expect(fleet.ask("a")).toBe("old");
});

test("a worker that was sent away, holds nothing and does not ask is replaced by another", () => {
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

test("a worker that still runs shards of a job from before a restart is given that job's first, and stays", () => {
  const [older, younger] = [new FakeJob("older", 5), new FakeJob("younger", 3)];
  const fleet = new Fleet(older, younger);
  expect(fleet.ask("w", younger)).toBe("younger");
  expect(fleet.ask("w", younger)).toBe("younger");
  expect(fleet.ask("w")).toBeNull();
  fleet.finish("w");
  expect(fleet.ask("w")).toBe("older");
});

test("who served a job before goes to it first: others let it pass, once", () => {
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

test("free workers go back to the jobs whose models they have", () => {
  const [one, other] = [new FakeJob("one", 99), new FakeJob("other", 99)];
  const fleet = new Fleet(one, other);
  const before = ["a", "b", "c", "d"].map((name) => fleet.ask(name));
  for (const name of ["a", "b", "c", "d"]) fleet.finish(name);
  fleet.forgetIdle();
  expect(["a", "b", "c", "d"].map((name) => fleet.ask(name))).toEqual(before);
});
