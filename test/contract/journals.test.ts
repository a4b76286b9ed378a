import { beforeEach, describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { putRunFile } from "../../coordinator/journal/run-file.ts";
import type { SharedJournals } from "../../coordinator/journal/shared-journals.ts";
import { durableFacts } from "../../coordinator/schedule/laws/durable-facts.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { suiteCovers } from "../support/needs.ts";
import { firstRecords, shardRecords } from "../unit/coordinator/journal/journal-records.ts";
import { OWN, RUN_FILE, SharedRig, stateOf } from "./shared-rig.ts";

/** Journals of the part `journal`, over a store in memory. */

const parts = EXTENSIONS.flatMap(({ name, journal }) => (journal === undefined ? [] : [{ name, journal }]));

const LOCKED = { code: "OUTPUT_LOCKED" };

const [, sealed] = firstRecords();
const FILES = new Set(sealed?.kind === "planSealed" ? sealed.files.map(([path]) => path) : []);

suiteCovers(parts, "bucket-journal");

test("at most one extension has shared journals, as a job file cannot select one", () => {
  expect(parts.length).toBeLessThan(2);
});

describe.each(parts)("a shared journal of $name", ({ journal }) => {
  let journals: SharedJournals;
  let rig: SharedRig;
  beforeEach(async () => {
    journals = await journal.load();
    rig = await SharedRig.make(journals);
  });

  test("is read on another machine as it was written, in a new generation", async () => {
    const [here, there] = [rig.machine(), rig.machine()];
    const first = await here.open();
    const records = [...firstRecords(), ...shardRecords(0, 3, 1)];
    await here.append(first, ...records);
    await here.close(first);
    const second = await there.open();
    expect(second.generation).toBe(2);
    expect(second.records.slice(1, -1)).toEqual(records);
    expect(second.records.map(({ kind }) => kind).at(-1)).toBe("generationStarted");
    // The journal was released, so the next coordinator does not wait.
    expect(there.waits).toEqual([]);
    await there.close(second);
  });

  test("fences its writer once another has begun, and its history omits late records", async () => {
    const [here, there] = [rig.machine(), rig.machine()];
    const first = await here.open();
    await here.append(first, ...firstRecords());
    // The clock here stops from now on, as in a paused process.
    const second = await there.open();
    expect(there.waits).toHaveLength(1);
    expect(there.clock.nowMs()).toBeGreaterThanOrEqual(30_000);
    const [lease] = shardRecords(0, 1, 1);
    await expect(here.append(first, ...(lease === undefined ? [] : [lease]))).rejects.toMatchObject(LOCKED);
    expect(first.hold.lost.aborted).toBe(true);
    await expect(first.hold.confirm()).rejects.toMatchObject(LOCKED);
    await here.close(first).catch(() => {});
    await there.append(second, ...shardRecords(0, 1, 2));
    await there.close(second);
    const third = await there.open();
    expect(third.records.slice(1)).toMatchObject([
      ...firstRecords(),
      { kind: "generationStarted", generation: 2 },
      ...shardRecords(0, 1, 2),
      { kind: "generationStarted", generation: 3 },
    ]);
    await there.close(third);
  });

  test("notifies an idle holder that another has begun", async () => {
    const [here, there] = [rig.machine(), rig.machine()];
    const first = await here.open();
    await here.append(first, ...firstRecords());
    const second = await there.open();
    await here.clock.pass(6_000);
    expect(first.hold.lost.reason).toMatchObject(LOCKED);
    await there.close(second);
  });

  test("is taken over at once from a holder that is known to have exited", async () => {
    const here = rig.machine();
    await here.open();
    const there = rig.machine("exited");
    expect((await there.open()).generation).toBe(2);
    expect(there.waits).toEqual([]);
  });

  test("is lost by its holder when another run of the job begins", async () => {
    const here = rig.machine();
    const opened = await here.open();
    await rig.storage.remove(RUN_FILE, NEVER);
    await putRunFile(RUN_FILE, "run-00000000000000bb", rig.storage);
    await here.clock.pass(6_000);
    await expect(opened.hold.confirm()).rejects.toMatchObject(LOCKED);
  });

  test("does not make its first holder wait for earlier holders", async () => {
    const here = rig.machine();
    const opened = await here.open();
    const startMs = here.clock.nowMs();
    await here.clock.until(opened.awaitEarlier());
    expect(here.clock.nowMs()).toBe(startMs);
  });

  test("is not taken over from an active holder", async () => {
    const here = rig.machine();
    const there = rig.machine("unknown", here.clock);
    const opened = await here.open();
    await expect(there.open()).rejects.toMatchObject(LOCKED);
    expect(there.waits).toHaveLength(1);
    await here.append(opened, ...firstRecords());
    await here.close(opened);
  });

  test("has snapshots that give the same state as all records", async () => {
    const here = rig.machine();
    const opened = await here.open();
    const state = await here.write(opened, [...firstRecords(), ...shardRecords(0, 10, 1)]);
    await here.close(opened);
    const again = await here.open();
    expect(again.snapshots).not.toEqual([]);
    expect(durableFacts(stateOf(again))).toEqual(durableFacts(state));
    expect(await here.clock.until(again.readAll())).toHaveLength(24);
    await here.close(again);
  });

  test("shows whether its run has begun and over which files, with and without a holder", async () => {
    const { folder } = rig;
    expect(await journals.hasBegun(folder)).toBe(false);
    expect(await journals.sealedInput(folder)).toBeNull();
    const here = rig.machine();
    const opened = await here.open();
    expect(await journals.hasBegun(folder)).toBe(false);
    await here.append(opened, ...firstRecords());
    for (const look of [async () => {}, () => here.close(opened)]) {
      await look();
      expect(await journals.hasBegun(folder)).toBe(true);
      expect(await journals.sealedInput(folder)).toEqual({ files: FILES, pins: [] });
    }
  });

  test("detects whether its holder has been active since an earlier look", async () => {
    const [here, there] = [rig.machine(), rig.machine()];
    expect(await there.awaitSilence()).toBeNull();
    const opened = await here.open();
    // The clock here stands still.
    const shown = await there.awaitSilence();
    expect(shown).not.toBeNull();
    await journals.refuseNews(rig.folder, shown);
    await here.clock.pass(6_000);
    await expect(journals.refuseNews(rig.folder, shown)).rejects.toMatchObject(LOCKED);
    await here.close(opened);
    await journals.refuseNews(rig.folder, shown);
    expect(await there.awaitSilence()).toBeNull();
  });

  test("refuses records of a paused holder after it is ended, even right after a confirmation", async () => {
    const slept = rig.machine();
    const opened = await slept.open();
    await slept.append(opened, ...firstRecords());
    await opened.hold.confirm();
    await rig.machine().end();
    await expect(slept.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject(LOCKED);
  });

  test("refuses records of a paused holder after it is ended and removed, and stays removed", async () => {
    const slept = rig.machine();
    const opened = await slept.open();
    await slept.append(opened, ...firstRecords());
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await other.end();
    const waitedMs = other.clock.nowMs() - startMs;
    for (const gone of [OWN, RUN_FILE]) await rig.storage.remove(gone, NEVER);
    slept.clock.skip(waitedMs);
    await expect(slept.append(opened, ...shardRecords(0, 1, 1))).rejects.toMatchObject(LOCKED);
    expect(await rig.storage.kindAt(OWN, NEVER)).toBeNull();
  });

  test("is ended without waiting when there is no journal", async () => {
    const other = rig.machine();
    const startMs = other.clock.nowMs();
    await other.end();
    expect(other.clock.nowMs()).toBe(startMs);
  });
});
