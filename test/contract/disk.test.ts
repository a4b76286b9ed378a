import { blockingDisk } from "../../coordinator/commit/blocking-disk.ts";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { DiskImage } from "../../sim/disk-image.ts";
import { Scheduler } from "../../sim/scheduler.ts";
import { SeededRandom } from "../../sim/seeded-random.ts";
import { SimDisk } from "../../sim/sim-disk.ts";
import { aRealDisk, type DiskUnderTest, diskContract, realDiskContract } from "./disk-contract.ts";

diskContract("the real file system", aRealDisk);
for (const [name, make] of [
  ["the blocking file system", () => aRealDisk(readsBlocking())],
  ["the simulated file system", async () => aSimulatedDisk()],
] as const) {
  diskContract(name, make);
  realDiskContract(name, make);
}

/** Returns the blocking disk's functions. The real disk does the rest. */
function readsBlocking(): Partial<Disk> {
  return {
    lstat: blockingDisk.lstat,
    readdir: blockingDisk.readdir,
    async open(path, flags) {
      const real = await realDisk.open(path, flags);
      if (flags !== "r") return real;
      const reader = await blockingDisk.open(path, "r");
      return {
        readInto: (bytes, at) => reader.readInto(bytes, at),
        sync: () => reader.sync(),
        write: (bytes) => real.write(bytes),
        datasync: () => real.datasync(),
        async close() {
          await reader.close();
          await real.close();
        },
      };
    },
  };
}

function aSimulatedDisk(): DiskUnderTest {
  const random = new SeededRandom(1);
  const scheduler = new Scheduler(random, false);
  const image = new DiskImage();
  const root = "/disk";
  image.mkdir(root);
  const disk = new SimDisk({
    image,
    scheduler,
    process: scheduler.start("tester"),
    random,
    lacksHardLinks: false,
    faultOf: () => ({ kind: "none" }),
    die: () => {},
    onDone: () => {},
  });
  return {
    disk,
    root,
    async settle(call) {
      let isSettled = false;
      const answer = call().finally(() => {
        isSettled = true;
      });
      answer.catch(() => {});
      await scheduler.run(
        () => isSettled,
        () => {},
      );
      return await answer;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
