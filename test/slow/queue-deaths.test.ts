import { describe, expect, it } from "vitest";
import type { Disk } from "../../shared/core/disk.ts";
import { endEverywhere, endOften, withoutSync } from "../support/process-worlds.ts";
import { FILES, QueueWorld, ROWS } from "../support/queues/queue-world.ts";

/**
 * Kills `serve` over a queue at every operation on its disk, and around its permanent effects outside. These
 * are its broker, its results and its runs. The next process starts with the files that are left. Only
 * published messages are acknowledged, each key is published once, nothing is lost, and no file is left.
 */
describe.each([
  ["rows", ROWS],
  ["files", FILES],
] as const)("windows of %s", (_name, trigger) => {
  const played = (lie: (disk: Disk) => Disk) =>
    endOften(40, (fates, seed) => new QueueWorld({ trigger, fates, seed, lie }));

  it("are published once and removed, wherever the process is killed or an operation fails", async () => {
    const { fired, broken } = await endEverywhere((fates) => new QueueWorld({ trigger, fates, seed: 1 }));
    expect(broken).toEqual([]);
    expect(fired).toBeGreaterThan(500);
  });

  it("are published once and removed when the process is killed repeatedly", async () => {
    const { fired, broken } = await endOften(150, (fates, seed) => new QueueWorld({ trigger, fates, seed }));
    expect(broken).toEqual([]);
    expect(fired).toBeGreaterThan(300);
  });

  it("are kept until the broker accepts their acknowledgements", async () => {
    const { broken } = await endOften(
      10,
      (fates, seed) => new QueueWorld({ trigger, fates, seed, isAway: true }),
    );
    expect(broken).toEqual([]);
  });

  it("are detected as lost or duplicated on a disk that does not sync", async () => {
    expect((await played((disk) => withoutSync(disk, "folders"))).broken).not.toEqual([]);
    expect((await played((disk) => withoutSync(disk, "files"))).broken).not.toEqual([]);
  });
});
