import { beforeEach, describe, expect, test } from "vitest";
import { endRun } from "../../../extensions/bucket-journal/end-run.ts";
import { systemRandom } from "../../../shared/core/random.ts";
import { below } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { firstRecords, shardRecords } from "../../unit/coordinator/journal/journal-records.ts";
import { BucketRig, JOURNAL, type Machine, OWN, RUN_FILE } from "./bucket-rig.ts";

const LOCKED = { code: "OUTPUT_LOCKED" };

let rig: BucketRig;
beforeEach(async () => {
  rig = await BucketRig.make();
});

function end({ clock }: Machine): Promise<void> {
  return clock.until(endRun({ own: OWN, storage: rig.storage }, { clock, random: systemRandom }));
}

describe("a run whose coordinator was silent", () => {
  test("is ended: the coordinator writes no more when it wakes up, however surely it had looked just before", async () => {
    const slept = rig.machine();
    const opened = await slept.open();
    await slept.append(opened, ...firstRecords());
    const before = await rig.objects();
    await opened.hold.confirm();
    await end(rig.machine());
    expect(await rig.objects()).toHaveLength(before.length + 1);
    await expect(slept.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject({
      ...LOCKED,
      message: expect.stringContaining("has taken the job over"),
    });
  });

  test("is removed only when the coordinator must look again, and then finds nothing", async () => {
    const slept = rig.machine();
    const opened = await slept.open();
    await slept.append(opened, ...firstRecords());
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await end(other);
    const waitedMs = other.clock.nowMs() - startMs;
    for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone);
    slept.clock.skip(waitedMs);
    await expect(slept.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN)).toBeNull();
  });

  test("is not ended when the coordinator writes at that moment", async () => {
    await rig.machine().open();
    const next = below(JOURNAL, "000000000002");
    let isFirst = true;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== next || !isFirst) return;
      isFirst = false;
      await rig.storage.put(next, sourceOfBytes("of the coordinator"));
    };
    await expect(end(rig.machine())).rejects.toMatchObject({ ...LOCKED, fields: { path: next } });
    expect(isFirst).toBe(false);
  });

  test("is ended at once where it has no journal, and where the last object is damaged", async () => {
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await end(other);
    expect(other.clock.nowMs()).toBe(startMs);
    await rig.storage.put(below(JOURNAL, "000000000001"), sourceOfBytes("damaged"));
    await end(other);
    expect(await rig.objects()).toEqual(["000000000001", "000000000002"]);
  });
});
