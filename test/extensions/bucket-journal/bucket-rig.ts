import { putRunFile } from "../../../coordinator/journal/run-file.ts";
import { bodiesOf } from "../../../coordinator/journal/snapshot-file.ts";
import { SnapshottingJournal } from "../../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../../coordinator/schedule/events/replay.ts";
import { evolve } from "../../../coordinator/schedule/state/evolve.ts";
import type { JobState } from "../../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord } from "../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../../coordinator/schedule/state/snapshot.ts";
import { BucketHold } from "../../../extensions/bucket-journal/bucket-hold.ts";
import { openBucketJournal } from "../../../extensions/bucket-journal/open-bucket-journal.ts";
import type { Life, Processes } from "../../../shared/core/process-identity.ts";
import { systemRandom } from "../../../shared/core/random.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../../shared/storage/memory.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { aConfig } from "../../unit/coordinator/schedule/harness.ts";

export const RUN = "run-00000000000000aa";
export const MANIFEST = parseLocation("/out/_manifest.json");
export const WORK = parseLocation("/out/_shardmill");
export const OWN = below(WORK, RUN);
export const CLEARING = below(WORK, "clearing");
export const RUN_FILE = below(WORK, "journal.json");
export const JOURNAL = below(OWN, "journal");
export const SNAPSHOTS = below(OWN, "snapshots");

/** A bucket that several machines reach. */
export class BucketRig {
  /** Called before anything is asked of it. */
  before: (call: StorageCall) => Promise<void> = async () => {};
  readonly calls: StorageCall[] = [];
  readonly storage = new MemoryStorage({
    before: async (call) => {
      this.calls.push(call);
      await this.before(call);
    },
  });
  readonly troubles: string[] = [];

  static async make(): Promise<BucketRig> {
    const rig = new BucketRig();
    await putRunFile(RUN_FILE, RUN, rig.storage);
    return rig;
  }

  machine(life: Life = "unknown"): Machine {
    return new Machine(this, life);
  }

  /** The names of the objects that are there. */
  async objects(folder = JOURNAL): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.storage.list(folder)) names.push(...page.map(({ name }) => name));
    return names.sort();
  }
}

export type Opened = Awaited<ReturnType<typeof openBucketJournal>>;

/** One with a clock of its own: it stands still as long as nobody waits for something of it. */
export class Machine {
  readonly clock = new VirtualClock();
  readonly waits: string[] = [];
  readonly #rig: BucketRig;
  readonly #processes: Processes;

  /** @param life what it sees of others */
  constructor(rig: BucketRig, life: Life) {
    this.#rig = rig;
    this.#processes = {
      own: () => ({ host: "a", bootId: null, pidNamespace: "1", pid: 7, startTicks: null }),
      lifeOf: () => life,
    };
  }

  open(): Promise<Opened> {
    const { storage, troubles } = this.#rig;
    const place = { own: OWN, run: RUN, runFile: RUN_FILE, manifest: MANIFEST, clearing: CLEARING, storage };
    const opened = openBucketJournal(place, {
      clock: this.clock,
      processes: this.#processes,
      random: systemRandom,
      onWaiting: (message) => this.waits.push(message),
      onSnapshotTrouble: (what) => troubles.push(what),
    });
    return this.clock.until(opened);
  }

  append(opened: Opened, ...records: readonly JournalRecord[]): Promise<unknown> {
    const written = records.map((record) => opened.journal.append(record, { durable: true }));
    return this.clock.until(Promise.all(written));
  }

  close(opened: Opened): Promise<void> {
    return this.clock.until(Promise.resolve(opened[Symbol.asyncDispose]()));
  }

  /** Writes as a job does, one record an object, and a snapshot every five. */
  async write(opened: Opened, records: readonly JournalRecord[]): Promise<JobState> {
    const { journal, generation, keeper, snapshots } = opened;
    const state = stateOf(opened);
    const failures: unknown[] = [];
    const writer = new SnapshottingJournal({
      journal,
      generation,
      keeper,
      state,
      last: snapshots.at(-1) ?? null,
      since: SinceSnapshot.of(opened.records),
      pause: async () => {},
      builds: [],
      everyRecords: 5,
      onFailure: (error) => failures.push(error),
    });
    for (const record of records) {
      evolve(state, record);
      const written = writer.append(record, { durable: true });
      writer.eventAppended();
      await this.clock.until(written);
      await this.clock.pass(200);
    }
    await this.clock.until(Promise.resolve(writer[Symbol.asyncDispose]()));
    if (failures.length > 0) throw failures[0];
    return state;
  }
}

export function stateOf({ records, generation, snapshots }: Opened): JobState {
  return replay(aConfig(), records, generation, bodiesOf(snapshots));
}

/** A holder of whom nothing but its beats is seen. */
export function beginHold(rig: BucketRig, machine: Machine, nonce: string): Promise<BucketHold> {
  const own = () => ({ host: "b", bootId: null, pidNamespace: "2", pid: 8, startTicks: null });
  return BucketHold.begin({
    own: OWN,
    run: RUN,
    runFile: RUN_FILE,
    storage: rig.storage,
    processes: { own, lifeOf: () => "unknown" },
    clock: machine.clock,
    nonce,
  });
}
