import { beforeEach, describe, expect, test } from "vitest";
import { SNAPSHOTS_OF_NO_USE } from "../../../coordinator/journal/snapshots.ts";
import { workPaths } from "../../../coordinator/publish/work-paths.ts";
import { sealedInputOf } from "../../../coordinator/runs/sealed-input-of.ts";
import { durableFacts } from "../../../coordinator/schedule/laws/durable-facts.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { realDisk } from "../../../shared/core/disk.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { below } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { OWN, RUN_FILE, type SharedRig, stateOf } from "../../contract/shared-rig.ts";
import { firstRecords, shardRecords } from "../../unit/coordinator/journal/journal-records.ts";
import { beginHold, JOURNAL, makeRig, SNAPSHOTS } from "./bucket-rig.ts";

const [, sealed] = firstRecords();
const FILES = new Set(sealed?.kind === "planSealed" ? sealed.files.map(([path]) => path) : []);

const LOCKED = { code: "OUTPUT_LOCKED" };
const CORRUPT = { code: "JOURNAL_CORRUPT" };

let rig: SharedRig;
beforeEach(async () => {
  rig = await makeRig();
});

const object = (number: number) => below(JOURNAL, String(number).padStart(12, "0"));
const storeFailed = () => new ShardmillError("STORE_FAILED", "the connection broke");

describe("a journal in a bucket", () => {
  test("records appended during a put share the next object, at most about twenty objects a second", async () => {
    const here = rig.machine();
    const opened = await here.open();
    const records = [...firstRecords(), ...shardRecords(0, 20, 1)];
    await here.append(opened, ...records);
    expect(await rig.objects(JOURNAL)).toEqual(["000000000001", "000000000002"]);
    const startMs = here.clock.nowMs();
    for (const record of shardRecords(20, 30, 1)) await here.append(opened, record);
    expect(here.clock.nowMs() - startMs).toBeGreaterThanOrEqual(19 * 50);
    await here.close(opened);
  });

  test("a journal is not taken over while its holder writes beats", async () => {
    const here = rig.machine();
    const hold = await beginHold(rig, here, "ab".repeat(12));
    const error = await here.open().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ ...LOCKED, fields: { host: "b", pid: 8 } });
    await hold[Symbol.asyncDispose]();
    await here.close(await here.open());
  });

  test("a record that the last writer stores during a takeover is part of the journal", async () => {
    const [here, there] = [rig.machine(), rig.machine("exited")];
    const first = await here.open();
    let late: Promise<unknown> | null = null;
    rig.before = async ({ call, location }) => {
      if (call !== "put" || location !== object(2) || late !== null) return;
      late = here.append(first, ...firstRecords());
      await late;
    };
    const second = await there.open();
    expect(second.records.map(({ kind }) => kind)).toEqual([
      "generationStarted",
      "jobAccepted",
      "planSealed",
      "generationStarted",
    ]);
    expect(await rig.objects(JOURNAL)).toHaveLength(3);
  });

  test("one of two coordinators that open a journal at the same time is refused", async () => {
    const machines = [rig.machine(), rig.machine()];
    const outcomes = await Promise.allSettled(machines.map((machine) => machine.open()));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(LOCKED);
    expect(await rig.objects(JOURNAL)).toHaveLength(1);
  });

  test("a record is stored once despite lost responses and a store that is unavailable for a while", async () => {
    const here = rig.machine();
    const opened = await here.open();
    const { put } = rig.storage;
    let broken = 20;
    rig.storage.put = async (...args) => {
      if (broken === 0 || args[0] === below(OWN, "holder.json")) return await put.apply(rig.storage, args);
      broken -= 1;
      // Some puts happen, and their answer is lost.
      if (broken < 10) await put.apply(rig.storage, args);
      throw storeFailed();
    };
    await here.append(opened, ...firstRecords());
    expect(broken).toBe(0);
    expect(await rig.objects(JOURNAL)).toHaveLength(2);
    await here.close(opened);
    const again = await here.open();
    expect(again.records.slice(1, -1)).toEqual(firstRecords());
    await here.close(again);
  });

  test("an append fails with JOURNAL_FAILED when its store is unavailable for ten minutes", async () => {
    const here = rig.machine();
    const opened = await here.open();
    rig.before = async ({ call }) => {
      if (call === "put") throw storeFailed();
    };
    await expect(here.append(opened, ...firstRecords())).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    expect(here.clock.nowMs()).toBeGreaterThanOrEqual(600_000);
  });

  test.each([
    ["missing", async () => rig.storage.remove(object(3), NEVER)],
    ["damaged", () => damage(3, 60)],
    ["truncated", () => cut(3)],
    ["a copy of another", async () => copy(2, 3)],
  ])("a journal is refused when one of its objects is %s", async (_what, harm) => {
    const here = rig.machine();
    const opened = await here.open();
    for (const record of firstRecords()) await here.append(opened, record);
    for (const record of shardRecords(0, 2, 1)) await here.append(opened, record);
    await here.close(opened);
    await harm();
    await expect(here.open()).rejects.toMatchObject(CORRUPT);
  });
});

describe("the snapshots of a journal in a bucket", () => {
  /** Does two runs on two machines, whose journal has snapshots. */
  async function twoRuns() {
    const [here, there] = [rig.machine(), rig.machine()];
    const first = await here.open();
    await here.write(first, [...firstRecords(), ...shardRecords(0, 10, 1)]);
    await here.close(first);
    const second = await there.open();
    const state = await there.write(second, shardRecords(10, 16, 2));
    await there.close(second);
    return durableFacts(state);
  }

  async function takenUp() {
    const machine = rig.machine();
    rig.calls.length = 0;
    const opened = await machine.open();
    const isOfJournal = ({ call, location }: (typeof rig.calls)[number]) =>
      call === "read" && location.startsWith(JOURNAL);
    const read = rig.calls.filter(isOfJournal).length;
    const facts = durableFacts(stateOf(opened));
    await machine.close(opened);
    return { facts, read, used: opened.snapshots.length };
  }

  test("snapshots shorten the read and give the same state", async () => {
    const facts = await twoRuns();
    const { facts: found, read, used } = await takenUp();
    expect(found).toEqual(facts);
    expect(used).toBeGreaterThan(3);
    expect(read).toBeLessThan(10);
    const paths = { ...workPaths("/out"), runFile: RUN_FILE };
    expect(await sealedInputOf(paths, { disk: realDisk, storage: rig.storage })).toEqual({
      files: FILES,
      pins: [],
    });
  });

  test("snapshots are used up to the first one that is missing or damaged", async () => {
    const facts = await twoRuns();
    const names = await rig.objects(SNAPSHOTS);
    for (const [at, name] of names.entries()) {
      const location = below(SNAPSHOTS, name);
      const { bytes } = await rig.storage.stat(location, NEVER);
      const content = await rig.storage.read(location, 0, bytes, { signal: NEVER });
      await rig.storage.remove(location, NEVER);
      const without = await takenUp();
      expect(without.facts).toEqual(facts);
      expect(without.used).toBe(at);
      await rig.storage.put(
        location,
        sourceOfBytes(content.map((byte, place) => (place === 90 ? byte ^ 1 : byte))),
        { signal: NEVER },
      );
      expect(await takenUp()).toMatchObject({ facts, used: at });
      await rig.storage.put(location, sourceOfBytes(content), { signal: NEVER });
    }
    expect(await takenUp()).toMatchObject({ facts, used: names.length });
  });

  test("missing objects at the end of the journal are detected despite snapshots", async () => {
    const facts = await twoRuns();
    const names = await rig.objects(JOURNAL);
    const middle = Number(names.at(-2));
    const kept = await bytesOf(middle);
    await rig.storage.remove(object(middle), NEVER);
    await expect(takenUp()).rejects.toMatchObject(CORRUPT);
    expect(rig.troubles).toContain(SNAPSHOTS_OF_NO_USE);
    await rig.storage.put(object(middle), sourceOfBytes(kept), { signal: NEVER });
    expect(await takenUp()).toMatchObject({ facts });
    for (const name of (await rig.objects(JOURNAL)).slice(-14))
      await rig.storage.remove(below(JOURNAL, name), NEVER);
    await expect(takenUp()).rejects.toMatchObject(CORRUPT);
  });
});

async function bytesOf(number: number): Promise<Uint8Array> {
  const { bytes } = await rig.storage.stat(object(number), NEVER);
  return await rig.storage.read(object(number), 0, bytes, { signal: NEVER });
}

async function damage(number: number, at: number): Promise<void> {
  const bytes = await bytesOf(number);
  await rig.storage.put(
    object(number),
    sourceOfBytes(bytes.map((byte, place) => (place === at ? byte ^ 1 : byte))),
    { signal: NEVER },
  );
}

async function cut(number: number): Promise<void> {
  const bytes = await bytesOf(number);
  await rig.storage.put(object(number), sourceOfBytes(bytes.subarray(0, bytes.length - 3)), {
    signal: NEVER,
  });
}

async function copy(from: number, to: number): Promise<void> {
  await rig.storage.put(object(to), sourceOfBytes(await bytesOf(from)), { signal: NEVER });
}
