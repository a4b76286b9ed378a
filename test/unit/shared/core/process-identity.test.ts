import { describe, expect, test } from "vitest";
import { isSameProcess, lifeOf, ownIdentity } from "../../../../shared/core/process-identity.ts";

const OWN = ownIdentity();

describe("the state of a process", () => {
  test("a process has exited when its PID is free or belongs to another process", () => {
    expect(lifeOf(OWN)).toBe("alive");
    expect(lifeOf({ ...OWN, pid: 2 ** 22 + 1 })).toBe("dead");
    expect(lifeOf({ ...OWN, startTicks: "1" })).toBe(OWN.startTicks === null ? "alive" : "dead");
    expect(lifeOf({ ...OWN, startTicks: null })).toBe("alive");
  });

  test.each([
    { host: "elsewhere" },
    { bootId: "another" },
    { pidNamespace: "another" },
    { pidNamespace: null },
  ])("the state of a process with %j is unknown, whatever its PID", (other) => {
    expect(lifeOf({ ...OWN, ...other })).toBe("unknown");
    expect(lifeOf({ ...OWN, ...other, pid: 2 ** 22 + 1, startTicks: "1" })).toBe("unknown");
    expect(lifeOf(OWN, { ...OWN, ...other })).toBe("unknown");
  });
});

test.each([
  { host: "elsewhere" },
  { bootId: "another" },
  { pidNamespace: "another" },
  { pid: OWN.pid + 1 },
  { startTicks: "another" },
])("identities that differ in %j belong to different processes", (other) => {
  expect(isSameProcess(OWN, { ...OWN, ...other })).toBe(false);
  expect(isSameProcess(OWN, { ...OWN })).toBe(true);
});
