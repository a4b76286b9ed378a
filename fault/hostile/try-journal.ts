import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openJournal } from "../../coordinator/journal/journal.ts";
import { replay } from "../../coordinator/schedule/events/replay.ts";
import { checkInvariants } from "../../coordinator/schedule/laws/invariants.ts";
import { DEFAULT_SCHEDULE } from "../../coordinator/schedule/state/config.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { asDigest } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { NO_ROWS } from "../../shared/domain/row-counts.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { Dice } from "./dice.ts";
import { type Trial, trialSeed } from "./kinds.ts";
import { mutate } from "./mutate.ts";

const SHARDS = 20;

/**
 * Tries a journal of two generations. One of its segments is damaged, or both are swapped. The journal is
 * opened and replayed as by a coordinator.
 *
 * @throws {Error} when a record was never written, or is out of order
 */
export async function tryJournal(folder: string, trial: Trial): Promise<string> {
  const dice = new Dice(trialSeed(trial));
  const path = join(folder, "journal");
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  const written = [...(await writeGeneration(path, 1)), ...(await writeGeneration(path, 2))];
  const segments = (await readdir(path)).sort().map((name) => join(path, name));
  const what = trial.index === 0 ? "a valid journal" : await damage(segments, dice);
  await using opened = await openJournal(path, 0);
  const state = replay({ ...DEFAULT_SCHEDULE, maxDeadLetters: 0 }, opened.records, opened.generation);
  checkInvariants(state);
  // The last record is this generation's own start. A segment that was cut between two records looks like a
  // shorter one, and its work is done again. So some written records may be missing, but no others may be
  // there.
  const read = opened.records.slice(0, -1).map((record) => JSON.stringify(record));
  let at = 0;
  for (const record of written) if (JSON.stringify(record) === read[at]) at += 1;
  if (at < read.length) throw new Error(`${what}: record ${at} was never written there`);
  return what;
}

async function damage(segments: readonly string[], dice: Dice): Promise<string> {
  const victim = dice.pick(segments);
  if (dice.int(8) === 0) {
    const [first = "", second = ""] = segments;
    const [a, b] = [await readFile(first), await readFile(second)];
    await writeFile(first, b);
    await writeFile(second, a);
    return "segments swapped";
  }
  if (dice.int(8) === 0) {
    await rm(victim);
    return "a segment removed";
  }
  const { what, bytes } = mutate(await readFile(victim), dice);
  await writeFile(victim, bytes);
  return `segment ${segments.indexOf(victim)}: ${what}`;
}

async function writeGeneration(path: string, generation: number): Promise<JournalRecord[]> {
  await using opened = await openJournal(path, generation);
  const records =
    generation === 1 ? [...firstRecords(), ...commits(generation, 0, 8)] : commits(generation, 8, 14);
  for (const record of records) await opened.journal.append(record, { durable: true });
  return [...opened.records.slice(-1), ...records];
}

function firstRecords(): JournalRecord[] {
  const shards = Array.from({ length: SHARDS }, (_, id) => [id * 10, id * 10 + 10] as const);
  const digests = {
    spec: asDigest("a".repeat(64)),
    input: asDigest("b".repeat(64)),
    model: asDigest("c".repeat(64)),
  };
  return [
    { kind: "jobAccepted", jobId: asJobId("hostile-1"), name: "hostile", digests },
    { kind: "planSealed", files: [["/data/a.parquet", SHARDS * 10]], shards },
  ];
}

function commits(generation: number, from: number, to: number): JournalRecord[] {
  return Array.from({ length: to - from }, (_, index): JournalRecord => {
    const partial = aPartial(from + index, { generation, sequence: index + 1 });
    return { kind: "shardCommitted", partial };
  });
}

function aPartial(shard: number, token: PartialManifest["token"]): PartialManifest {
  const files = [
    { kind: "rows", name: "rows.parquet", rows: 10, bytes: 100, sha256: asDigest("d".repeat(64)) },
  ] as const;
  return {
    shard: shardId(shard),
    token,
    executionId: asExecutionId(`e${shard}`),
    ...{ ...NO_ROWS, rowsIn: 10, rowsMapped: 10, rowsOut: 10 },
    firstDeadLetter: null,
    files,
    digest: partialDigest(files),
  };
}
