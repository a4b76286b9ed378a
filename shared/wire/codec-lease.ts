import type { Lease } from "../domain/job.ts";
import { shardRows } from "../domain/shard.ts";
import { leaseSliceCodec, shardCodec, tokenCodec } from "./codec-shard.ts";
import { batchInUseCodec, fetchingCodec, storeCountsCodec } from "./codec-worker.ts";
import { field } from "./field.ts";
import type { Heartbeat, LeaseAnswer, LeaseRef, LeaseState } from "./services.ts";
import { tableCodec, unionCodec } from "./table-codec.ts";
import type { WireReader } from "./wire-message.ts";

const leaseCodec = tableCodec<Lease>(
  "Lease",
  {
    jobId: field.jobId,
    token: field.message(tokenCodec),
    shard: field.message(shardCodec),
    slices: field.list(leaseSliceCodec),
    leaseMs: field.wholeMs,
    traceparent: field.text,
    workers: field.count32,
  },
  checkSlices,
);

function checkSlices({ slices, shard }: Lease, message: WireReader): void {
  const rows = slices.reduce((total, slice) => total + shardRows(slice), 0);
  if (slices.length === 0) message.fail("slices", "is empty");
  if (rows !== shardRows(shard))
    message.fail("slices", `has ${rows} rows for a shard of ${shardRows(shard)}`);
}

export const leaseRefCodec = tableCodec<LeaseRef>("LeaseRef", {
  jobId: field.jobId,
  shard: field.shard,
  token: field.message(tokenCodec),
});

export const leaseAnswerCodec = unionCodec<LeaseAnswer>("result", {
  lease: field.held("lease", field.message(leaseCodec)),
  noLease: field.message(tableCodec<{ readonly retryMs: number }>("NoLease", { retryMs: field.wholeMs })),
  dismissed: field.message(tableCodec<{ readonly reason: string }>("Dismissed", { reason: field.text })),
});

const leaseProgress = tableCodec<Heartbeat["leases"][number]>("LeaseProgress", {
  lease: field.message(leaseRefCodec),
  rowsDone: field.count,
});

export const heartbeatCodec = tableCodec<Heartbeat>("HeartbeatRequest", {
  session: field.session,
  leases: field.list(leaseProgress),
  busy: field.shares,
  padding: field.orNull(field.number),
  batch: field.orAbsent(field.message(batchInUseCodec)),
  stores: field.list(storeCountsCodec),
  fetching: field.orAbsent(field.message(fetchingCodec)),
});

export const leaseStateCodec = tableCodec<LeaseState>("LeaseState", {
  lease: field.message(leaseRefCodec),
  live: field.flag,
  workers: field.count32,
});
