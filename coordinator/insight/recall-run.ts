import { tokenKey } from "../../shared/domain/token.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { isTimed } from "./record-times.ts";
import { type RememberedRun, RunMemory } from "./run-memory.ts";

/** Data of a run that earlier coordinators recorded. */
export interface EarlierRun {
  /**
   * History in the last snapshot of the journal, with the start of the generation that wrote the snapshot.
   */
  readonly remembered: (RememberedRun & { readonly startedWallMs: number }) | null;
  /** Records after that snapshot. The last one is the start of this coordinator. */
  readonly records: readonly JournalRecord[];
}

interface RecallOptions {
  /** Time at which this coordinator received the job, by its own clock and as wall-clock time. */
  readonly beganMs: number;
  readonly beganWallMs: number;
}

/**
 * Rebuilds the history of a resumed run from the journal. What a coordinator did after its last record is
 * unknown.
 */
export function recallRun({ beganMs, beganWallMs }: RecallOptions, earlier: EarlierRun): RunMemory {
  const { remembered } = earlier;
  const periods = periodsOf(earlier);
  const firstWallMs = Math.min(
    beganWallMs,
    remembered === null ? (periods[0]?.startedWallMs ?? beganWallMs) : Date.parse(remembered.history.began),
  );
  // The clock of another machine may be ahead: earlier events must not come after the start of this
  // coordinator.
  const msAt = (wallMs: number) => Math.min(beganMs, beganMs + wallMs - beganWallMs);
  const memory = new RunMemory({ beganMs: msAt(firstWallMs), beganWallMs: firstWallMs, sinceMs: beganMs });
  if (remembered !== null) memory.restore(remembered);
  const recall = new Recall(remembered?.history.pace.rowsDone.at(-1) ?? 0);
  const { periods: periodsBefore = [], seconds = 0 } = remembered?.history ?? {};
  const at = (since: number) => msAt(firstWallMs + 1000 * since);
  const period = periods.map((period, index) => {
    const isRemembered = index === 0 && remembered !== null;
    const fromMs = isRemembered ? at(periodsBefore.at(-1)?.from ?? 0) : msAt(period.startedWallMs);
    const toMs = isRemembered ? at(seconds) : fromMs;
    return recall.addPeriod(memory, period, { fromMs, toMs, msAt });
  });
  const before = periodsBefore.slice(0, -1).map(({ from, to }) => ({ fromMs: at(from), toMs: at(to) }));
  memory.addPeriods([...before, ...period]);
  return memory;
}

/** Records of one coordinator. */
interface RecordedPeriod {
  readonly startedWallMs: number;
  readonly records: JournalRecord[];
}

interface WorkPeriod {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Times of one coordinator that are known without its records. */
interface KnownPeriod extends WorkPeriod {
  readonly msAt: (wallMs: number) => number;
}

/** Excludes this coordinator. */
function periodsOf({ remembered, records }: EarlierRun): RecordedPeriod[] {
  const periods: RecordedPeriod[] =
    remembered === null ? [] : [{ startedWallMs: remembered.startedWallMs, records: [] }];
  for (const record of records) {
    if (record.kind === "generationStarted") periods.push({ startedWallMs: record.wallMs, records: [] });
    else periods.at(-1)?.records.push(record);
  }
  return periods.slice(0, -1);
}

type Known =
  | { readonly ms: number; readonly record: JournalRecord }
  | { readonly ms: number; readonly key: string };

/** Replays the records of earlier coordinators into a memory, one coordinator after the other. */
class Recall {
  #rowsDone: number;

  constructor(rowsDone: number) {
    this.#rowsDone = rowsDone;
  }

  addPeriod(memory: RunMemory, { startedWallMs, records }: RecordedPeriod, known: KnownPeriod): WorkPeriod {
    const { fromMs, msAt } = known;
    let { toMs } = known;
    const period = inOrder(records, (at) => msAt(startedWallMs + at), toMs);
    const there = new Map<string, WorkPeriod>();
    for (const each of period) {
      if ("key" in each) {
        memory.handedIn(each.ms, each.key);
        continue;
      }
      const { record } = each;
      toMs = Math.max(toMs, each.ms);
      if (record.kind === "shardCommitted") this.#rowsDone += record.partial.rowsIn;
      const name = memory.recall(toMs, record, this.#rowsDone);
      if (name !== null) there.set(name, { fromMs: there.get(name)?.fromMs ?? toMs, toMs });
    }
    memory.interrupted(
      this.#rowsDone,
      new Map([...there].map(([name, period]) => [name, period.toMs - period.fromMs])),
    );
    return { fromMs, toMs };
  }
}

/**
 * Yields the records with their times, and the times when partials were offered. A record without a time gets
 * that of the previous one. The journal has the time of an offer only in the record of the attempt's end.
 */
function* inOrder(
  records: readonly JournalRecord[],
  msOf: (at: number) => number,
  startedMs: number,
): Generator<Known> {
  const handedIn = handedInOf(records, msOf);
  const granted = new Set(
    records.flatMap((record) => (record.kind === "leaseGranted" ? [keyOf(record)] : [])),
  );
  // Offers of attempts that began before these records.
  const waiting = new Map([...handedIn].filter(([key]) => !granted.has(key)));
  let lastMs = startedMs;
  for (const record of records) {
    if (isTimed(record) && record.at !== undefined) lastMs = Math.max(lastMs, msOf(record.at));
    for (const [key, ms] of waiting) {
      if (ms > lastMs) continue;
      waiting.delete(key);
      yield { ms, key };
    }
    yield { ms: lastMs, record };
    if (record.kind !== "leaseGranted") continue;
    const ms = handedIn.get(keyOf(record));
    if (ms !== undefined) waiting.set(keyOf(record), ms);
  }
}

function handedInOf(records: readonly JournalRecord[], msOf: (at: number) => number): Map<string, number> {
  return new Map(
    records.flatMap((record) =>
      isTimed(record) && record.handedIn !== undefined ? [[keyOf(record), msOf(record.handedIn)]] : [],
    ),
  );
}

function keyOf(record: RecordOf<"leaseGranted" | "attemptEnded" | "shardCommitted">): string {
  return tokenKey(record.kind === "shardCommitted" ? record.partial.token : record.token);
}
