import { expect, test } from "vitest";
import { encodeSnapshot } from "../../../../coordinator/journal/snapshot-file.ts";
import {
  type AcceptedJob,
  createJobState,
  type Totals,
} from "../../../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord, RecordOf } from "../../../../coordinator/schedule/state/record.ts";
import type {
  AttemptEntry,
  CountedFailure,
  ShardEntry,
} from "../../../../coordinator/schedule/state/shard-state.ts";
import { SinceSnapshot } from "../../../../coordinator/schedule/state/snapshot.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import type { DeadLetter, PartialFile, PartialManifest } from "../../../../shared/domain/partial.ts";
import type { RowCounts, RunTotals } from "../../../../shared/domain/row-counts.ts";
import type { Standing } from "../../../../shared/domain/standing.ts";
import { aConfig } from "../schedule/harness.ts";

/** Keys except for times, which snapshots do not contain. */
type Keys<T> = Record<Exclude<keyof T, "at" | "handedIn">, true>;

const RECORDS = {
  generationStarted: {
    kind: true,
    generation: true,
    build: true,
    mapping: true,
    wallMs: true,
    nonce: true,
    previousGeneration: true,
    previousBytes: true,
    previousCrc32: true,
  },
  jobAccepted: { kind: true, jobId: true, name: true, digests: true },
  planSealed: { kind: true, files: true, pruned: true, skipped: true, pins: true, shards: true },
  leaseGranted: { kind: true, shard: true, token: true, worker: true, backup: true },
  attemptEnded: { kind: true, shard: true, token: true, worker: true, end: true },
  shardCommitted: { kind: true, partial: true },
  shardSplit: { kind: true, shard: true, atRow: true, into: true },
  rowDeadLettered: { kind: true, shard: true, deadLetter: true },
  shardRevoked: { kind: true, shard: true, digest: true, reason: true },
  publishIntent: { kind: true, outputDigest: true },
  published: { kind: true, outputDigest: true },
  jobCancelled: { kind: true, reason: true },
  jobFailed: { kind: true, reason: true },
  jobRevived: { kind: true, jobId: true },
  standingChanged: { kind: true, priority: true, paused: true },
} satisfies { [K in JournalRecord["kind"]]: Keys<RecordOf<K>> };

const ACCEPTED = { jobId: true, name: true, digests: true } satisfies Keys<AcceptedJob>;

const STANDING = { priority: true, paused: true } satisfies Keys<Standing>;

const TOTALS = {
  rows: true,
  rowsCommitted: true,
  deadLetters: true,
  attempts: true,
  attemptsFailed: true,
} satisfies Keys<Omit<Totals, keyof RunTotals>>;

const SHARD = {
  shard: true,
  parent: true,
  state: true,
  attempts: true,
  forgottenUpTo: true,
  failures: true,
  revocations: true,
  queueSeq: true,
} satisfies Keys<ShardEntry>;

const ATTEMPT = { token: true, worker: true, backup: true, end: true } satisfies Keys<AttemptEntry>;
const FAILURE = { worker: true, lostWorker: true, code: true, message: true } satisfies Keys<CountedFailure>;

const PARTIAL = {
  shard: true,
  token: true,
  executionId: true,
  firstDeadLetter: true,
  files: true,
  digest: true,
} satisfies Keys<Omit<PartialManifest, keyof RowCounts>>;

const FILE = { kind: true, name: true, rows: true, bytes: true, sha256: true } satisfies Keys<PartialFile>;
const DEAD = { file: true, row: true, stage: true, code: true, message: true } satisfies Keys<DeadLetter>;

const FACTS = [RECORDS, ACCEPTED, STANDING, TOTALS, SHARD, ATTEMPT, FAILURE, PARTIAL, FILE, DEAD];

/** Digest of the contents of files, by version. When it changes, the version must change. */
const FACTS_OF: Record<number, string> = {
  2: "ef127507fd3dd2de7480cedc3b4f07976e55cd6eaee6070c0e5d9533452fb5b8",
  3: "cf99527152e860eba6da1c4a1f1058c22c50815ccbc33ce515afe8c8960b8a50",
  4: "48d4bc3d35ea2484d3926e7ea94344c3bb2ad565522a71f8d96c250e90529d10",
  5: "742a1ea47b3b969ebbe6470733ce35fc9acf72e7891435bb241fa631b5d1e4de",
  6: "bb323c8fe7d0717079f83e8881661e0aa7f6c2770b9d67eaa04957a5617c36c8",
  7: "38ee0bcda2f4c3360bbd85757c29802364b75f290c3b704f19254c61b63b11f3",
  8: "8e3e2052e7851d5ab4d9101fc146ecf425949d8e5f04645a5ac15dd064cbbad3",
};

test("a change in the fields of jobs, shards or records requires a new version of snapshots", async () => {
  const head = { previous: null, place: { generation: 1, bytes: 0, crc32: 0 }, builds: [] };
  const snapshot = new SinceSnapshot().take(createJobState(aConfig(), 1));
  const { pieces } = await encodeSnapshot(head, snapshot, async () => {});
  const version = pieces[0]?.readUInt32LE(8) ?? 0;
  expect(FACTS_OF[version]).toBe(sha256(JSON.stringify(FACTS)));
});
