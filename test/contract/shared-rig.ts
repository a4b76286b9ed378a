import type { WaitOptions } from "../../coordinator/journal/await-still.ts";
import type { OpenJournal } from "../../coordinator/journal/journal.ts";
import { putRunFile } from "../../coordinator/journal/run-file.ts";
import type { RunFolder, SharedJournals } from "../../coordinator/journal/shared-journals.ts";
import { bodiesOf } from "../../coordinator/journal/snapshot-file.ts";
import { SnapshottingJournal } from "../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../coordinator/schedule/events/replay.ts";
import { evolve } from "../../coordinator/schedule/state/evolve.ts";
import type { JobState } from "../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../coordinator/schedule/state/snapshot.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { Processes, ProcessState } from "../../shared/core/process-identity.ts";
import { systemRandom } from "../../shared/core/random.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../shared/storage/memory.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { aConfig } from "../unit/coordinator/schedule/harness.ts";

export const RUN = "run-00000000000000aa";
export const MANIFEST = parseLocation("/out/_manifest.json");
export const WORK = parseLocation("/out/_shardmill");
export const OWN = below(WORK, RUN);
export const CLEARING = below(WORK, "clearing");
export const RUN_FILE = below(WORK, "journal.json");

/** A store that several machines reach, for the journal of one run. */
export class SharedRig {
  readonly journals: SharedJournals;
  /** Called before each request to the store. */
  before: (call: StorageCall) => Promise<void> = async () => {};
  readonly calls: StorageCall[] = [];
  readonly storage = new MemoryStorage({
    before: async (call) => {
      this.calls.push(call);
      await this.before(call);
    },
  });
  readonly troubles: string[] = [];

  private constructor(journals: SharedJournals) {
    this.journals = journals;
  }

  static async make(journals: SharedJournals): Promise<SharedRig> {
    const rig = new SharedRig(journals);
    await putRunFile(RUN_FILE, RUN, rig.storage);
    return rig;
  }

  get folder(): RunFolder {
    return { own: OWN, storage: this.storage };
  }

  /** @param clock of another machine, when time must pass for both */
  machine(life: ProcessState = "unknown", clock = new VirtualClock()): Machine {
    return new Machine(this, life, clock);
  }

  /** Returns the names of the objects in a folder of the run. */
  async objects(folder: Location): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.storage.list(folder, { signal: NEVER }))
      names.push(...page.map(({ name }) => name));
    return names.sort();
  }
}

/** A machine with a clock of its own, which advances only when its code waits. */
export class Machine {
  readonly clock: VirtualClock;
  readonly waits: string[] = [];
  readonly #rig: SharedRig;
  readonly #processes: Processes;

  /** @param life state of other processes, as seen from this machine */
  constructor(rig: SharedRig, life: ProcessState, clock: VirtualClock) {
    this.#rig = rig;
    this.clock = clock;
    this.#processes = {
      own: () => ({ host: "a", bootId: null, pidNamespace: "1", pid: 7, startTicks: null }),
      processState: () => life,
    };
  }

  open(): Promise<OpenJournal> {
    const { journals, storage, troubles } = this.#rig;
    const place = { own: OWN, run: RUN, runFile: RUN_FILE, manifest: MANIFEST, clearing: CLEARING, storage };
    const opened = journals.open(place, {
      ...this.#waiting,
      random: systemRandom,
      onSnapshotTrouble: (what) => troubles.push(what),
    });
    return this.clock.until(opened);
  }

  awaitSilence(): Promise<string | null> {
    const { journals, folder } = this.#rig;
    return this.clock.until(journals.awaitSilence({ ...folder, ...this.#waiting }));
  }

  /** Ends the run, as a coordinator does before it starts over. */
  end(): Promise<void> {
    const { journals, folder } = this.#rig;
    return this.clock.until(journals.end(folder, { clock: this.clock, random: systemRandom, signal: NEVER }));
  }

  get #waiting(): WaitOptions {
    return {
      clock: this.clock,
      processes: this.#processes,
      signal: NEVER,
      onWaiting: (message) => this.waits.push(message),
    };
  }

  append(opened: OpenJournal, ...records: readonly JournalRecord[]): Promise<unknown> {
    const written = records.map((record) => opened.journal.append(record, { durable: true }));
    return this.clock.until(Promise.all(written));
  }

  close(opened: OpenJournal): Promise<void> {
    return this.clock.until(Promise.resolve(opened[Symbol.asyncDispose]()));
  }

  /** Writes as a job does: one record per object, and a snapshot every five records. */
  async write(opened: OpenJournal, records: readonly JournalRecord[]): Promise<JobState> {
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

export function stateOf({ records, generation, snapshots }: OpenJournal): JobState {
  return replay(aConfig(), records, generation, bodiesOf(snapshots));
}
