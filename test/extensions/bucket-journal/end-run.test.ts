import { beforeEach, describe, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { below } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { SharedRig } from "../../contract/shared-rig.ts";
import { JOURNAL, makeRig } from "./bucket-rig.ts";

const LOCKED = { code: "OUTPUT_LOCKED" };

let rig: SharedRig;
beforeEach(async () => {
  rig = await makeRig();
});

describe("a run whose coordinator was silent", () => {
  test("is not ended when the coordinator writes at that moment", async () => {
    await rig.machine().open();
    const next = below(JOURNAL, "000000000002");
    let isFirst = true;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== next || !isFirst) return;
      isFirst = false;
      await rig.storage.put(next, sourceOfBytes("of the coordinator"), { signal: NEVER });
    };
    await expect(rig.machine().end()).rejects.toMatchObject({ ...LOCKED, fields: { path: next } });
    expect(isFirst).toBe(false);
  });

  test("is ended at once where it has no journal, and where the last object is damaged", async () => {
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await other.end();
    expect(other.clock.nowMs()).toBe(startMs);
    await rig.storage.put(below(JOURNAL, "000000000001"), sourceOfBytes("damaged"), { signal: NEVER });
    await other.end();
    expect(await rig.objects(JOURNAL)).toEqual(["000000000001", "000000000002"]);
  });
});
