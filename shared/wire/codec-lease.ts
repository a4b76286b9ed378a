import type { Lease } from "../domain/job.ts";
import { shardRows } from "../domain/shard.ts";
import { leaseSliceCodec, shardCodec, tokenCodec } from "./codec-shard.ts";
import { field } from "./field.ts";
import type { LeaseAnswer, LeaseRef } from "./services.ts";
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
