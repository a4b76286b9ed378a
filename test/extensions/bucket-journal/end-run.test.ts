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

describe("ending the run of a silent coordinator", () => {
  test("a run is not ended when its coordinator writes at the same moment", async () => {
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

  test("a run without a journal ends at once, and a run with a damaged last object is ended", async () => {
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await other.end();
    expect(other.clock.nowMs()).toBe(startMs);
    await rig.storage.put(below(JOURNAL, "000000000001"), sourceOfBytes("damaged"), { signal: NEVER });
    await other.end();
    expect(await rig.objects(JOURNAL)).toEqual(["000000000001", "000000000002"]);
  });
});
