import { createHash, timingSafeEqual } from "node:crypto";
import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import { ShardmillError } from "../../shared/core/errors.ts";
import { secretOf } from "../../shared/wire/authorization.ts";
import { toStatus } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import { callersOf } from "./method-callers.ts";

/** Whom a coordinator answers. */
export interface Guard {
  /** Known to its user's processes only. */
  readonly secret: string;
  /** Whether jobs may be handed in: one that was started for a job of its own takes no others. */
  readonly takesJobs: boolean;
  /** Whether jobs that are handed in may bring code along, which runs here to be planned and to reduce. */
  readonly takesCode: boolean;
}

/** Refuses whole connections; by the address and port of who made it. */
interface Door {
  refusalOf(peer: string): ShardmillError | null;
}

/**
 * Judges every call by its method and its headers, before a byte of its messages is read: a stranger's bytes
 * reach no codec and no service.
 */
export function guardInterceptor(
  guard: Guard,
  report: ReportFailure,
  door: Door | null = null,
): ServerInterceptor {
  const judge = judgeFor(guard);
  return ({ path }, call) => {
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const refusal =
          (callersOf(path) === "anyone" ? null : door?.refusalOf(call.getPeer())) ?? judge(path, metadata);
        if (refusal === null) return next(metadata);
        report(path, refusal);
        call.sendStatus(toStatus(refusal));
      })
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
}

/** What a call to a method is refused with; null when it may go on. */
function judgeFor({
  secret,
  takesJobs,
}: Pick<Guard, "secret" | "takesJobs">): (path: string, metadata: Metadata) => ShardmillError | null {
  const expected = sha256(secret);
  return (path, metadata) => {
    const callers = callersOf(path);
    if (callers === "anyone") return null;
    const found = secretOf(metadata);
    // Digests have one length, and comparing them takes one time, whatever was sent.
    if (found === null || !timingSafeEqual(sha256(found), expected)) return secretRefused(found !== null);
    return callers === "submitters" && !takesJobs ? submitRefused() : null;
  };
}

function secretRefused(wasSent: boolean): ShardmillError {
  const what = wasSent ? "this is not the secret of this coordinator" : "this coordinator wants a secret";
  return new ShardmillError("SECRET_REFUSED", what, {
    hint: "send `authorization: Bearer SECRET`, with what the secret file of the user holds who started the coordinator",
  });
}

function submitRefused(): ShardmillError {
  return new ShardmillError(
    "SUBMIT_REFUSED",
    "this coordinator was started for a job of its own and takes no others",
    {
      hint: "submit to one that was started without a job: shardmill coordinator",
    },
  );
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
