import { assertNever } from "../core/assert.ts";
import type { Lease } from "../domain/job.ts";
import { decodeShardId, inputFileCodec, shardCodec, tokenCodec } from "./codec-shard.ts";
import type { LeaseAnswer, LeaseRef } from "./services.ts";
import { type Codec, uint32, wholeMs } from "./wire-message.ts";

export const leaseCodec: Codec<Lease> = {
  encode: ({ jobId, token, shard, file, leaseMs }) => ({
    jobId,
    token: tokenCodec.encode(token),
    shard: shardCodec.encode(shard),
    file: inputFileCodec.encode(file),
    leaseMs: wholeMs(leaseMs),
  }),
  decode: (message) => ({
    jobId: message.name("jobId"),
    token: tokenCodec.decode(message.message("token")),
    shard: shardCodec.decode(message.message("shard")),
    file: inputFileCodec.decode(message.message("file")),
    leaseMs: message.count("leaseMs"),
  }),
};

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
