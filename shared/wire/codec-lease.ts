import { assertNever } from "../core/assert.ts";
import type { Lease } from "../domain/job.ts";
import { shardRows } from "../domain/shard.ts";
import { decodeShardId, leaseSliceCodec, shardCodec, tokenCodec } from "./codec-shard.ts";
import type { LeaseAnswer, LeaseRef } from "./services.ts";
import { type Codec, uint32, type WireReader, wholeMs } from "./wire-message.ts";

const leaseCodec: Codec<Lease> = {
  encode: ({ jobId, token, shard, slices, leaseMs }) => ({
    jobId,
    token: tokenCodec.encode(token),
    shard: shardCodec.encode(shard),
    slices: slices.map(leaseSliceCodec.encode),
    leaseMs: wholeMs(leaseMs),
  }),
  decode(message) {
    const shard = shardCodec.decode(message.message("shard"));
    return {
      jobId: message.name("jobId"),
      token: tokenCodec.decode(message.message("token")),
      shard,
      slices: decodeSlices(message, shard),
      leaseMs: message.count("leaseMs"),
    };
  },
};

function decodeSlices(message: WireReader, shard: Lease["shard"]): Lease["slices"] {
  const slices = message.list("slices").map(leaseSliceCodec.decode);
  const rows = slices.reduce((total, slice) => total + shardRows(slice), 0);
  if (slices.length === 0) message.fail("slices", "is empty");
  if (rows !== shardRows(shard))
    message.fail("slices", `has ${rows} rows for a shard of ${shardRows(shard)}`);
  return slices;
}

export const leaseRefCodec: Codec<LeaseRef> = {
  encode: ({ jobId, shard, token }) => ({ jobId, shard: uint32(shard), token: tokenCodec.encode(token) }),
  decode: (message) => ({
    jobId: message.name("jobId"),
    shard: decodeShardId(message, "shard"),
    token: tokenCodec.decode(message.message("token")),
  }),
};

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
