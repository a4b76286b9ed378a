import {
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import { ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import { bearerOf, markCaller } from "../../shared/wire/authorization.ts";
import { toStatus } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import type { AuditEvent, AuditLog } from "./audit-log.ts";
import { type Guard, type Identity, Judge } from "./judge.ts";
import { callersOf } from "./method-callers.ts";
import type { Token } from "./tokens.ts";
import { TokensFile } from "./tokens-file.ts";

/** Refuses whole connections; by the address and port of who made it. */
interface Door {
  refusalOf(peer: string): ShardmillError | null;
}

interface Seen {
  readonly report: ReportFailure;
  readonly audit: AuditLog;
  /** Null where connections are taken from anyone. */
  readonly door: Door | null;
}

/**
 * Judges every call by its method and its headers, before a byte of its messages is read: a stranger's bytes
 * reach no codec and no service. And once more before each answer, since calls may last for hours: who was
 * shut out meanwhile gets no more.
 */
export function guardInterceptor(guard: Guard, { report, audit, door }: Seen): ServerInterceptor {
  const judge = new Judge(guard, tokensOf(guard, report), Date.now);
  return ({ path }, call) => {
    let caller: Identity | null = null;
    const isLet = (ask: () => Identity): boolean => {
      try {
        caller = ask();
        return true;
      } catch (refusal) {
        report(path, refusal);
        audit.record({ name: caller?.name ?? "nobody", peer: call.getPeer() }, refusedAs(path, refusal));
        call.sendStatus(toStatus(refusal));
        return false;
      }
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const isIn = isLet(() => {
          const refusal = callersOf(path) === "anyone" ? null : door?.refusalOf(call.getPeer());
          if (refusal) throw refusal;
          return judge.identify(path, bearerOf(metadata));
        });
        if (isIn) next(markCaller(metadata, caller?.name ?? ""));
      })
      .build();
    const responder = new ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendMessage((message, next) => {
        const known = caller;
        const isStillIn = known === null || isLet(() => judge.confirm(known));
        if (isStillIn) next(message);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
}

function refusedAs(method: string, refusal: unknown): AuditEvent {
  const { code, message } = toShardmillError(refusal);
  return { event: "refused", method, code, why: message };
}

/** What is wrong with the file is for the log: whoever calls must not learn where it is. */
function tokensOf({ tokensPath }: Guard, report: ReportFailure): () => ReadonlyMap<string, Token> {
  if (tokensPath === null) return () => new Map();
  const file = new TokensFile(tokensPath, Date.now);
  return () => {
    try {
      return file.tokens;
    } catch (error) {
      report("tokens", error);
      throw new ShardmillError("TOKEN_REFUSED", "this coordinator cannot read its tokens, and refuses all", {
        hint: "its log says what is wrong with them",
      });
    }
  };
}
