import type { OpenJournal } from "../../../coordinator/journal/journal.ts";
import { putRunFile } from "../../../coordinator/journal/run-file.ts";
import { SnapshottingJournal } from "../../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../coordinator/schedule/laws/durable-facts.ts";
import { evolve } from "../../../coordinator/schedule/state/evolve.ts";
import type { JournalRecord } from "../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../../coordinator/schedule/state/snapshot.ts";
import { openBucketJournal } from "../../../extensions/bucket-journal/open-bucket-journal.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { canonicalJson } from "../../../shared/core/digest.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { assertLaw } from "../../../shared/domain/laws.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { CLEARING, MANIFEST, OWN, RUN, RUN_FILE, stateOf } from "../../contract/shared-rig.ts";
import { lcg } from "../../support/onnx-model.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { firstRecords, shardRecords } from "../../unit/coordinator/journal/journal-records.ts";
import { aConfig } from "../../unit/coordinator/schedule/harness.ts";
import { type Draw, RoughMachine, roughStore } from "./rough-store.ts";

const SHARDS = 30;
const MACHINES = 3;
/** Time after which no fault occurs, and no coordinator starts. */
const HEAL_MS = 240_000;

interface Ways {
  /** Returns a faulty store. Default: a sound one. */
  readonly storeOf?: () => MemoryStorage;
}

export interface WorldResult {
  readonly generations: number;
  /** Number of coordinators that found the job held or taken over. */
  readonly locked: number;
  readonly acknowledged: number;
}

/**
 * Runs coordinators on several machines that resume one job and write its journal over a bad connection. They
 * pause, resume and exit. The seed decides everything. Afterwards the journal is checked.
 *
 * @throws {BrokenLaw}
 */
export async function runRivals(seed: number, ways: Ways = {}): Promise<WorldResult> {
  const world = new RivalWorld(seed, ways);
  return await world.run();
}

class RivalWorld {
  readonly #draw: Draw;
  readonly #clock = new VirtualClock();
  readonly #store: MemoryStorage;
  readonly #hex: (bytes: number) => string;
  readonly #share: number;
  /** Texts that were acknowledged as durable, with their generation. */
  readonly #acknowledged: { readonly text: string; readonly generation: number }[] = [];
  readonly #generations = new Set<number>();
  #locked = 0;

  constructor(seed: number, { storeOf = () => new MemoryStorage() }: Ways) {
    this.#draw = lcg(seed);
    this.#store = storeOf();
    this.#hex = hexBy(this.#draw);
    this.#share = [0, 0.05, 0.2][seed % 3] ?? 0;
  }

  async run(): Promise<WorldResult> {
    await putRunFile(RUN_FILE, RUN, this.#store);
    const machines = Array.from({ length: MACHINES }, (_, at) => this.#machine(at));
    await this.#clock.until(Promise.all(machines));
    // Requests in progress end, too.
    await this.#clock.pass(120_000);
    const last = new RoughMachine(this.#clock);
    const opened = await this.#clock.until(this.#open(last, 0));
    this.#check(opened, await this.#clock.until(opened.readAll()));
    const { length: acknowledged } = this.#acknowledged;
    return { generations: this.#generations.size, locked: this.#locked, acknowledged };
  }

  /** Starts coordinators on a machine, like an operator: when one exits, another starts. */
  async #machine(at: number): Promise<void> {
    await this.#sleep(at * 20_000 * this.#draw());
    while (this.#clock.nowMs() < HEAL_MS) {
      const machine = new RoughMachine(this.#clock);
      const life = this.#live(machine);
      const fate = this.#fate(machine);
      await Promise.race([life, fate]);
      await this.#sleep(5_000 + 10_000 * this.#draw());
    }
  }

  /** Pauses or ends the machine at random times. Resolves once it has ended. */
  async #fate(machine: RoughMachine): Promise<void> {
    for (;;) {
      await this.#sleep(1_000 + 40_000 * this.#draw());
      const isOver = this.#clock.nowMs() >= HEAL_MS;
      if (isOver || this.#draw() < 0.4) {
        machine.state = "exited";
        return;
      }
      machine.state = "stopped";
      await this.#sleep(60_000 * this.#draw());
      machine.goOn();
    }
  }

  async #live(machine: RoughMachine): Promise<void> {
    try {
      const opened = await this.#open(machine, this.#share);
      this.#took(opened);
      await this.#work(machine, opened);
      await opened[Symbol.asyncDispose]();
    } catch (error) {
      if (!isShardmillError(error)) throw error;
      if (error.code === "OUTPUT_LOCKED") this.#locked += 1;
      else assertLaw("every-job-ends", SAID.has(error.code), `${error.code}: ${error.message}`);
    }
  }

  #open(machine: RoughMachine, share: number): Promise<OpenJournal> {
    const rough = { share, draw: this.#draw };
    const storage = roughStore(this.#store, { machine, world: this.#clock, rough });
    return openBucketJournal(
      { own: OWN, run: RUN, runFile: RUN_FILE, manifest: MANIFEST, clearing: CLEARING, storage },
      {
        clock: machine.clock,
        processes: {
          own: () => ({ host: "a", bootId: null, pidNamespace: null, pid: 1, startTicks: null }),
          processState: () => "unknown",
        },
        random: { hex: this.#hex, unit: this.#draw },
        signal: NEVER,
      },
    );
  }

  /** Checks that each coordinator that resumes the job has its own generation. */
  #took({ generation }: OpenJournal): void {
    assertLaw("tokens-grow", !this.#generations.has(generation), `generation ${generation} began twice`);
    this.#generations.add(generation);
  }

  /** Commits one shard after another, each acknowledged before the next. Sometimes releases the job. */
  async #work(machine: RoughMachine, opened: OpenJournal): Promise<void> {
    const { journal, generation, keeper, snapshots } = opened;
    const state = stateOf(opened);
    await using writer = new SnapshottingJournal({
      journal,
      generation,
      keeper,
      state,
      last: snapshots.at(-1) ?? null,
      since: SinceSnapshot.of(opened.records),
      pause: async () => {},
      builds: [],
      everyRecords: 5,
      onFailure: () => {},
    });
    const append = async (records: readonly JournalRecord[]) => {
      for (const record of records) evolve(state, record);
      const written = records.map((record) => writer.append(record, { durable: true }));
      writer.eventAppended();
      await Promise.all(written);
      for (const record of records) this.#acknowledged.push({ text: canonicalJson(record), generation });
    };
    if (state.accepted === null) await append(firstRecords());
    for (let shard = 0; shard < SHARDS; shard += 1) {
      if (state.shards[shard]?.state.kind === "committed") continue;
      await append(shardRecords(shard, shard + 1, generation));
      await new Promise<void>((resolve) => void machine.clock.after(4_000 * this.#draw(), resolve));
      if (this.#draw() < 0.05) return;
    }
  }

  #check(opened: OpenJournal, history: readonly JournalRecord[]): void {
    const texts = history.map((record) => canonicalJson(record));
    let from = 0;
    for (const { text, generation } of this.#acknowledged.toSorted((a, b) => a.generation - b.generation)) {
      const at = texts.indexOf(text, from);
      assertLaw(
        "record-before-answer",
        at >= 0,
        `generation ${generation} acknowledged ${text}, which is lost`,
      );
      from = at + 1;
    }
    let current = 0;
    for (const record of history) {
      if (record.kind === "generationStarted") {
        const follows = record.generation === current + 1;
        assertLaw("tokens-grow", follows, `generation ${record.generation} after ${current}`);
        current = record.generation;
      } else if (record.kind === "leaseGranted") {
        const isOwn = record.token.generation === current;
        assertLaw("one-holder", isOwn, `generation ${record.token.generation} wrote after ${current} began`);
      }
    }
    // A shard that is committed twice would be an illegal move.
    const all = replay(aConfig(), history, current + 1);
    const isSame = canonicalJson(durableFacts(all)) === canonicalJson(durableFacts(stateOf(opened)));
    assertLaw("replay-is-the-state", isSame, "the snapshots tell another state than the journal");
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}

const SAID: ReadonlySet<string> = new Set(["STORE_FAILED", "JOURNAL_FAILED"]);

function hexBy(draw: Draw): (bytes: number) => string {
  return (bytes) =>
    Array.from({ length: bytes }, () =>
      Math.floor(draw() * 256)
        .toString(16)
        .padStart(2, "0"),
    ).join("");
}
