import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { aJobId } from "../../../support/ids.ts";
import { aPartial, aPlan, DIGESTS, filesOf } from "../schedule/harness.ts";

const SHARDS = 30;
const PLAN = aPlan(SHARDS);

/** Returns the records of an accepted job with a sealed plan. */
export function firstRecords(): JournalRecord[] {
  const shards = PLAN.map(({ rowStart, rowEnd }) => [rowStart, rowEnd] as const);
  return [
    { kind: "jobAccepted", jobId: aJobId("j"), name: "n", digests: DIGESTS },
    { kind: "planSealed", files: filesOf(PLAN).map(({ path, rows }) => [path, rows]), shards },
  ];
}

/** Returns the records of grants and commits of the shards `[from, to)`, equal in every run of a test. */
export function shardRecords(from: number, to: number, generation: number): JournalRecord[] {
  return PLAN.slice(from, to).flatMap((shard): JournalRecord[] => {
    const token = { generation, sequence: shard.id + 1 };
    const digest = sha256(`shard ${shard.id}`);
    const partial = { ...aPartial(shard, token), shard: shardId(shard.id), digest };
    return [
      { kind: "leaseGranted", shard: shard.id, token, worker: "anna", backup: false },
      { kind: "shardCommitted", partial: { ...partial, executionId: asExecutionId(digest.slice(0, 16)) } },
    ];
  });
}
