import { assertNever } from "../core/assert.ts";
import type { Lease } from "../domain/job.ts";
import { shardRows } from "../domain/shard.ts";
import type { Codec } from "./codec.ts";
import { leaseSliceCodec, shardCodec, tokenCodec } from "./codec-shard.ts";
import { field } from "./field.ts";
import type { LeaseAnswer, LeaseRef } from "./services.ts";
import { tableCodec } from "./table-codec.ts";
import { type WireReader, wholeMs } from "./wire-message.ts";

export const leaseCodec = tableCodec<Lease>(
  "Lease",
  {
    jobId: field.jobId,
    token: field.message(tokenCodec),
    shard: field.message(shardCodec),
    slices: field.list(leaseSliceCodec),
    leaseMs: field.wholeMs,
    traceparent: field.text,
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

export const leaseAnswerCodec: Codec<LeaseAnswer> = {
  encode(answer) {
    switch (answer.kind) {
      case "lease":
        return { lease: leaseCodec.encode(answer.lease) };
      case "noLease":
        return { noLease: { retryMs: wholeMs(answer.retryMs) } };
      case "dismissed":
        return { dismissed: { reason: answer.reason } };
      default:
        return assertNever(answer);
    }
  },
  decode(message) {
    const kind = message.which("result", ["lease", "noLease", "dismissed"]);
    switch (kind) {
      case "lease":
        return { kind, lease: leaseCodec.decode(message.message("lease")) };
      case "noLease":
        return { kind, retryMs: message.message("noLease").count("retryMs") };
      case "dismissed":
        return { kind, reason: message.message("dismissed").text("reason") };
      default:
        return assertNever(kind);
    }
  },
};
