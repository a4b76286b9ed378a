import { expect, it } from "vitest";
import { endEverywhere, endOften, withoutSync } from "../support/lives.ts";
import { TriggerWorld } from "../support/trigger-world.ts";

/**
 * `serve` over a schedule dies at every single operation on its ledger and the lock beside it, and around the
 * end of each run: every instant that was decided to run is published, and no file is left over.
 */
it("runs each instant wherever a life ends, or an operation fails", async () => {
  const { fired, broken } = await endEverywhere((fates) => new TriggerWorld({ fates, seed: 1 }));
  expect(broken).toEqual([]);
  expect(fired).toBeGreaterThan(200);
});

it("... and when one life after the other ends", async () => {
  const { fired, broken } = await endOften(150, (fates, seed) => new TriggerWorld({ fates, seed }));
  expect(broken).toEqual([]);
  expect(fired).toBeGreaterThan(300);
});

it("loses some on a disk that does not sync: it is found", async () => {
  for (const of of ["folders", "files"] as const) {
    const lie = (disk: Parameters<typeof withoutSync>[0]) => withoutSync(disk, of);
    const { broken } = await endOften(60, (fates, seed) => new TriggerWorld({ fates, seed, lie }));
    expect(broken, of).not.toEqual([]);
  }
});
