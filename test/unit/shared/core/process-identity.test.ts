import { describe, expect, test } from "vitest";
import { isSameProcess, lifeOf, ownIdentity } from "../../../../shared/core/process-identity.ts";

const OWN = ownIdentity();

describe("a process of this PID namespace", () => {
  test("is dead when its number is free, or is another's now", () => {
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
  ])("is what another with %j is not: of that one nothing is known, whatever its number", (other) => {
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
])("a process is the same one only where all of its identity is, so not with %j", (other) => {
  expect(isSameProcess(OWN, { ...OWN, ...other })).toBe(false);
  expect(isSameProcess(OWN, { ...OWN })).toBe(true);
});
