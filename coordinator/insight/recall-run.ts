import { tokenKey } from "../../shared/domain/token.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { isTimed } from "./record-times.ts";
import { type RememberedRun, RunMemory } from "./run-memory.ts";

/** What earlier coordinators left of a run. */
export interface EarlierRun {
  /** As the last snapshot of the journal has it, and when the generation started that took it. */
  readonly remembered: (RememberedRun & { readonly startedWallMs: number }) | null;
  /** What the journal has behind it; the last is the start of this coordinator. */
  readonly records: readonly JournalRecord[];
}

interface RecallOptions {
  /** When this coordinator was given the job, by its own clock, and for people. */
  readonly beganMs: number;
  readonly beganWallMs: number;
}

/**
 * The memory of a run that goes on: what happened before, as the journal says. What a coordinator did after
 * its last record is not known.
 */
export function recallRun({ beganMs, beganWallMs }: RecallOptions, earlier: EarlierRun): RunMemory {
  const { remembered } = earlier;
  const lives = livesOf(earlier);
  const firstWallMs = Math.min(
    beganWallMs,
    remembered === null ? (lives[0]?.startedWallMs ?? beganWallMs) : Date.parse(remembered.history.began),
  );
  // A clock of another machine may be ahead: nothing was before this one that is after it.
  const msAt = (wallMs: number) => Math.min(beganMs, beganMs + wallMs - beganWallMs);
  const memory = new RunMemory({ beganMs: msAt(firstWallMs), beganWallMs: firstWallMs, sinceMs: beganMs });
  if (remembered !== null) memory.restore(remembered);
  const recall = new Recall(remembered?.history.pace.rowsDone.at(-1) ?? 0);
  const { lives: livesBefore = [], seconds = 0 } = remembered?.history ?? {};
  const at = (since: number) => msAt(firstWallMs + 1000 * since);
  const told = lives.map((life, index) => {
    const isRemembered = index === 0 && remembered !== null;
    const fromMs = isRemembered ? at(livesBefore.at(-1)?.from ?? 0) : msAt(life.startedWallMs);
    const toMs = isRemembered ? at(seconds) : fromMs;
    return recall.tell(memory, life, { fromMs, toMs, msAt });
  });
  const before = livesBefore.slice(0, -1).map(({ from, to }) => ({ fromMs: at(from), toMs: at(to) }));
  memory.lived([...before, ...told]);
  return memory;
}

/** What one coordinator recorded. */
interface RecordedLife {
  readonly startedWallMs: number;
  readonly records: JournalRecord[];
}

interface Life {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is known of a life before its records are looked at. */
interface KnownLife extends Life {
  readonly msAt: (wallMs: number) => number;
}

/** Without that of this coordinator. */
function livesOf({ remembered, records }: EarlierRun): RecordedLife[] {
  const lives: RecordedLife[] =
    remembered === null ? [] : [{ startedWallMs: remembered.startedWallMs, records: [] }];
  for (const record of records) {
    if (record.kind === "generationStarted") lives.push({ startedWallMs: record.wallMs, records: [] });
    else lives.at(-1)?.records.push(record);
  }
  return lives.slice(0, -1);
}

type Told =
  | { readonly ms: number; readonly record: JournalRecord }
  | { readonly ms: number; readonly key: string };

/** Tells a memory of what earlier coordinators recorded, life by life. */
class Recall {
  #rowsDone: number;

  constructor(rowsDone: number) {
    this.#rowsDone = rowsDone;
  }

  tell(memory: RunMemory, { startedWallMs, records }: RecordedLife, known: KnownLife): Life {
    const { fromMs, msAt } = known;
    let { toMs } = known;
    const told = inOrder(records, (at) => msAt(startedWallMs + at), toMs);
    const there = new Map<string, Life>();
    for (const each of told) {
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
      new Map([...there].map(([name, life]) => [name, life.toMs - life.fromMs])),
    );
    return { fromMs, toMs };
  }
}

/**
 * The records, each with its time, which some take from the one before; and when partials were handed in,
 * which the journal only tells with the end of their attempts.
 */
function* inOrder(
  records: readonly JournalRecord[],
  msOf: (at: number) => number,
  startedMs: number,
): Generator<Told> {
  const handedIn = handedInOf(records, msOf);
  const granted = new Set(
    records.flatMap((record) => (record.kind === "leaseGranted" ? [keyOf(record)] : [])),
  );
  // Of attempts that began before these records.
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
