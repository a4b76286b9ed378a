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

describe("a journal in a bucket with a paused coordinator", () => {
  test.each(["skip", "suspend"] as const)(
    "a coordinator paused by %s writes nothing after the job was published and its journal removed",
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

  test("a coordinator does not create a journal when the job was published during its claim", async () => {
    const first = below(JOURNAL, "000000000001");
    rig.before = async ({ call, location }) => {
      if (call === "put" && location === first)
        await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    };
    await expect(rig.machine().open()).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("the journal of a published job is removed only after the other coordinators must check again", async () => {
    const before = rig.machine();
    await before.close(await before.open());
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    const late = rig.machine("exited");
    const startMs = late.clock.nowMs();
    const removedMs: number[] = [];
    rig.before = async ({ call, location }) => {
      if (call === "remove" && location === OWN) removedMs.push(late.clock.nowMs() - startMs);
    };
    await expect(late.open()).rejects.toMatchObject(LOCKED);
    expect(removedMs).toEqual([UNAWARE_MS]);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("a replaced coordinator writes nothing after its successor waited and removed the journal", async () => {
    const [first, second] = [rig.machine("exited"), rig.machine("exited")];
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

  test("opening a partly removed journal of a published job fails with OUTPUT_LOCKED", async () => {
    const before = rig.machine();
    const opened = await before.open();
    await before.append(opened, ...firstRecords());
    await before.append(opened, ...shardRecords(0, 2, 1));
    await before.close(opened);
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    await rig.storage.remove(below(JOURNAL, "000000000001"), NEVER);
    expect(await rig.objects(JOURNAL)).not.toEqual([]);
    await expect(rig.machine("exited").open()).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("a removed journal whose snapshots remain causes no warning", async () => {
    const before = rig.machine();
    const opened = await before.open();
    await before.write(opened, [...firstRecords(), ...shardRecords(0, 4, 1)]);
    await before.close(opened);
    await rig.storage.put(MANIFEST, sourceOfBytes("{}"), { signal: NEVER });
    await rig.storage.remove(JOURNAL, NEVER);
    expect(await rig.objects(SNAPSHOTS)).not.toEqual([]);
    await expect(rig.machine("exited").open()).rejects.toMatchObject(LOCKED);
    expect(rig.troubles).toEqual([]);
  });

  test("a coordinator that continues during the removal of its journal writes nothing", async () => {
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

  test("a record put under a number that the removal freed is not acknowledged", async () => {
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

  test("a coordinator suspended before it retries a failed put writes nothing", async () => {
    const here = rig.machine();
    const opened = await here.open();
    let isFirst = true;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== below(JOURNAL, "000000000002") || !isFirst) return;
      isFirst = false;
      for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone, NEVER);
      here.clock.suspend(60_000);
      throw new ShardmillError("STORE_FAILED", "the connection broke");
    };
    await expect(here.append(opened, ...firstRecords())).rejects.toMatchObject(LOCKED);
    expect(isFirst).toBe(false);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });
});
