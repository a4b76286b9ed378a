import { beforeEach, describe, expect, test } from "vitest";
import { UNAWARE_MS } from "../../../extensions/bucket-journal/bucket-hold.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { below } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { MANIFEST, OWN, RUN_FILE, type SharedRig } from "../../contract/shared-rig.ts";
import { firstRecords, shardRecords } from "../../unit/coordinator/journal/journal-records.ts";
import { JOURNAL, makeRig, SNAPSHOTS } from "./bucket-rig.ts";

const LOCKED = { code: "OUTPUT_LOCKED" };

let rig: SharedRig;
beforeEach(async () => {
  rig = await makeRig();
});

describe("a journal in a bucket", () => {
  test.each(["skip", "suspend"] as const)(
    "is not written by one that slept (%s) while the job was published and its journal removed",
    async (sleeps) => {
      const here = rig.machine();
      const opened = await here.open();
      await here.append(opened, ...firstRecords());
      for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone, NEVER);
      here.clock[sleeps](60_000);
      await expect(here.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject(LOCKED);
      expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
    },
  );

  test("is not begun anew by one that slept over its claim until the job was published", async () => {
    const first = below(JOURNAL, "000000000001");
    rig.before = async ({ call, location }) => {
      if (call === "put" && location === first)
        await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    };
    await expect(rig.machine().open()).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("is removed by one that finds the job published only when the others must look again", async () => {
    const before = rig.machine();
    await before.close(await before.open());
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    const late = rig.machine("dead");
    const startMs = late.clock.nowMs();
    const removedMs: number[] = [];
    rig.before = async ({ call, location }) => {
      if (call === "remove" && location === OWN) removedMs.push(late.clock.nowMs() - startMs);
    };
    await expect(late.open()).rejects.toMatchObject(LOCKED);
    expect(removedMs).toEqual([UNAWARE_MS]);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("is removed by one that took it over only when the other must look again", async () => {
    const [first, second] = [rig.machine("dead"), rig.machine("dead")];
    const replaced = await first.open();
    await first.append(replaced, ...firstRecords());
    await first.clock.until(replaced.hold.confirm());
    const opened = await second.open();
    await second.append(opened, ...shardRecords(0, 1, 1));
    const startMs = second.clock.nowMs();
    await second.clock.until(opened.awaitEarlier());
    first.clock.skip(second.clock.nowMs() - startMs);
    for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone, NEVER);
    await expect(first.append(replaced, ...shardRecords(0, 1, 1))).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("is not called damaged by one that reads it while it is being removed", async () => {
    const before = rig.machine();
    const opened = await before.open();
    await before.append(opened, ...firstRecords());
    await before.append(opened, ...shardRecords(0, 2, 1));
    await before.close(opened);
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    await rig.storage.remove(below(JOURNAL, "000000000001"), NEVER);
    expect(await rig.objects(JOURNAL)).not.toEqual([]);
    await expect(rig.machine("dead").open()).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("is not warned of where it is removed already, and its snapshots are not", async () => {
    const before = rig.machine();
    const opened = await before.open();
    await before.write(opened, [...firstRecords(), ...shardRecords(0, 4, 1)]);
    await before.close(opened);
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    await rig.storage.remove(JOURNAL, NEVER);
    expect(await rig.objects(SNAPSHOTS)).not.toEqual([]);
    await expect(rig.machine("dead").open()).rejects.toMatchObject(LOCKED);
    expect(rig.troubles).toEqual([]);
  });

  test("is not written by one that goes on while it is being removed", async () => {
    const here = rig.machine();
    const opened = await here.open();
    await here.append(opened, ...firstRecords());
    // The name of the run is removed last.
    await rig.storage.remove(OWN, NEVER);
    here.clock.skip(60_000);
    await expect(here.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject({
      ...LOCKED,
      message: expect.stringContaining("has ended the job"),
    });
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("acknowledges nothing of what was under way, and came into a number that was free again", async () => {
    const here = rig.machine();
    const opened = await here.open();
    let isFirst = true;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== below(JOURNAL, "000000000002") || !isFirst) return;
      isFirst = false;
      await rig.storage.remove(OWN, NEVER);
      here.clock.skip(60_000);
    };
    await expect(here.append(opened, ...firstRecords())).rejects.toMatchObject(LOCKED);
    expect(isFirst).toBe(false);
  });

  test("is not written by one that slept so while a put had failed, and was to be tried again", async () => {
    const here = rig.machine();
    const opened = await here.open();
    let isFirst = true;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== below(JOURNAL, "000000000002") || !isFirst) return;
      isFirst = false;
      for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone, NEVER);
      here.clock.suspend(60_000);
      throw new ShardmillError("STORE_FAILED", "the line broke");
    };
    await expect(here.append(opened, ...firstRecords())).rejects.toMatchObject(LOCKED);
    expect(isFirst).toBe(false);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });
});
