import { expect, it } from "vitest";
import { endEverywhere, endOften, withoutSync } from "../support/process-worlds.ts";
import { TriggerWorld } from "../support/trigger-world.ts";

/**
 * Kills `serve` over a schedule at every operation on its ledger and its lock, and around each run's end.
 * Every instant that was decided to run is published, and no file is left.
 */
it("serve runs each instant, wherever it is killed or an operation fails", async () => {
  const { fired, broken } = await endEverywhere((fates) => new TriggerWorld({ fates, seed: 1 }));
  expect(broken).toEqual([]);
  expect(fired).toBeGreaterThan(200);
});

it("serve runs each instant when it is killed repeatedly", async () => {
  const { fired, broken } = await endOften(150, (fates, seed) => new TriggerWorld({ fates, seed }));
  expect(broken).toEqual([]);
  expect(fired).toBeGreaterThan(300);
});

it("instants that are lost on a disk without sync are detected", async () => {
  for (const of of ["folders", "files"] as const) {
    const lie = (disk: Parameters<typeof withoutSync>[0]) => withoutSync(disk, of);
    const { broken } = await endOften(60, (fates, seed) => new TriggerWorld({ fates, seed, lie }));
    expect(broken, of).not.toEqual([]);
  }
});
