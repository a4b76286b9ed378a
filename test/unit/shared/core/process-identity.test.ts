import { describe, expect, test } from "vitest";
import { isSameProcess, ownIdentity, processState } from "../../../../shared/core/process-identity.ts";

const OWN = ownIdentity();

describe("the state of a process", () => {
  test("a process has exited when its PID is free or belongs to another process", () => {
    expect(processState(OWN)).toBe("running");
    expect(processState({ ...OWN, pid: 2 ** 22 + 1 })).toBe("exited");
    expect(processState({ ...OWN, startTicks: "1" })).toBe(OWN.startTicks === null ? "running" : "exited");
    expect(processState({ ...OWN, startTicks: null })).toBe("running");
  });

  test.each([
    { host: "elsewhere" },
    { bootId: "another" },
    { pidNamespace: "another" },
    { pidNamespace: null },
  ])("the state of a process with %j is unknown, whatever its PID", (other) => {
    expect(processState({ ...OWN, ...other })).toBe("unknown");
    expect(processState({ ...OWN, ...other, pid: 2 ** 22 + 1, startTicks: "1" })).toBe("unknown");
    expect(processState(OWN, { ...OWN, ...other })).toBe("unknown");
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
