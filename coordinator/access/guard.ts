import {
  type Metadata,
  type Responder,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import type { Callers } from "../../shared/access/callers.ts";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { bearerOf, type KnownCaller, markCaller } from "../../shared/wire/authorization.ts";
import { toStatus } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import { type AuditLog, refusedAs } from "./audit-log.ts";
import type { CallRates } from "./call-rates.ts";
import { faceOf } from "./face-methods.ts";
import { ANYONE, type Guard, type Identity, Judge, roleOf } from "./judge.ts";
import { callersOf } from "./method-callers.ts";
import type { Token } from "./tokens.ts";
import { TokensFile } from "./tokens-file.ts";

/** Method whose messages are calls. */
const CALLS = "/shardmill.v1.WorkService/Calls";

/** TLS facts of connections, by the peer's address and port. */
interface TlsFacts {
  /** Returns the error that refuses every call of a connection. Null: the connection is accepted. */
  refusalOf(peer: string): ShardmillError | null;
  /** Returns the names in its certificate, see {@link namesOf}. Empty if no certificate was requested. */
  namesOf(peer: string): readonly string[];
}

interface Seen {
  readonly report: ReportFailure;
  readonly rates: CallRates;
  readonly audit: AuditLog;
  /** Null: connections are in the clear. */
  readonly tlsListener: TlsFacts | null;
}

/**
 * Checks every call by its method and its headers, before its messages are read. So the bytes of an unknown
 * client reach no codec and no service. The exception is a face that has its token in the message. Checks the
 * caller again before each answer, because calls may last for hours and access may have ended.
 */
export function guardInterceptor(guard: Guard, seen: Seen): ServerInterceptor {
  const judge = new Judge(guard, tokensOf(guard, seen.report), Date.now);
  return ({ path }, call) =>
    new ServerInterceptingCall(call, new GuardedCall(path, call, judge, seen).responder);
}

class GuardedCall {
  readonly #path: string;
  readonly #callers: Callers;
  readonly #call: ServerInterceptingCallInterface;
  readonly #judge: Judge;
  readonly #seen: Seen;
  #caller: Identity | null = null;
  /** Metadata of a call whose token is in the message, until the caller is identified. */
  #unjudged: Metadata | null = null;
  #address: string | null = null;
  #isOver = false;
  #ended = () => {};

  constructor(path: string, call: ServerInterceptingCallInterface, judge: Judge, seen: Seen) {
    this.#path = path;
    this.#callers = callersOf(path);
    this.#call = call;
    this.#judge = judge;
    this.#seen = seen;
  }

  get responder(): Responder {
    return new ResponderBuilder()
      .withStart((next) => next(this.#listener))
      .withSendMessage((message, next) => {
        const known = this.#caller;
        if (known === null || this.#isLet(() => void this.#judge.confirm(known))) next(message);
      })
      .build();
  }

  get #listener(): ServerListener {
    return new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const bearer = bearerOf(metadata);
        if (bearer === null && faceOf(this.#path)?.token !== undefined) this.#unjudged = metadata;
        if (this.#isLet(() => this.#enter(bearer))) next(markCaller(metadata, knownAs(this.#caller)));
      })
      .withOnReceiveMessage((message, next) => {
        const metadata = this.#unjudged;
        if (metadata === null) {
          if (this.#isLet(() => this.#weigh(message))) next(message);
          return;
        }
        const authorize = async () => {
          const token = (await faceOf(this.#path)?.token?.read(this.#path, message)) ?? null;
          if (!this.#isLet(() => this.#identify(token))) return;
          markCaller(metadata, knownAs(this.#caller));
          next(message);
        };
        authorize().catch((error: unknown) => this.#call.sendStatus(toStatus(error)));
      })
      .withOnCancel(() => {
        // grpc-js calls this at the end of every call, however it ended.
        this.#isOver = true;
        this.#ended();
      })
      .build();
  }

  /** @throws when the connection or the caller is refused */
  #enter(bearer: string | null): void {
    const refusal = this.#callers === "anyone" ? null : this.#seen.tlsListener?.refusalOf(this.#peer);
    if (refusal) throw refusal;
    if (this.#unjudged === null) this.#identify(bearer);
  }

  #identify(bearer: string | null): void {
    const { tlsListener, rates } = this.#seen;
    const identity = this.#judge.identify(this.#path, bearer, tlsListener?.namesOf(this.#peer), (known) => {
      this.#caller = known;
    });
    this.#caller = identity;
    rates.call(identity, this.#callers, this.#peer);
    const ended = rates.open(identity, this.#callers, this.#peer);
    if (this.#isOver) ended();
    else this.#ended = ended;
  }

  /** Checks a message. On a stream of calls, each is a call of its own. */
  #weigh(message: unknown): void {
    if (this.#path === CALLS) this.#repeat();
    // Messages of workers have no limit, and are most of all.
    if (this.#callers === "work") return;
    const sent = { peer: this.#peer, bytes: bytesIn(message) };
    this.#seen.rates.message(this.#caller ?? ANYONE, this.#callers, sent);
  }

  #repeat(): void {
    const { tlsListener, rates } = this.#seen;
    const refusal = tlsListener?.refusalOf(this.#peer);
    if (refusal) throw refusal;
    const caller = this.#judge.confirm(present(this.#caller, "a call has a known caller"));
    rates.call(caller, this.#callers, this.#peer);
  }

  /** Address of the caller. Read once, because grpc-js asks the socket for it each time. */
  get #peer(): string {
    this.#address ??= this.#call.getPeer();
    return this.#address;
  }

  /** Runs a check. Returns false after a refusal, which it has sent, logged and recorded. */
  #isLet(look: () => void): boolean {
    try {
      look();
      return true;
    } catch (refusal) {
      const { report, audit } = this.#seen;
      report(this.#path, refusal);
      const who = { name: this.#caller?.name ?? "nobody", peer: this.#peer };
      audit.record(who, refusedAs(this.#path, refusal));
      this.#call.sendStatus(toStatus(refusal));
      return false;
    }
  }
}

/** Counts the bytes of a message as grpc-js has it here: texts and bytes in undecoded fields. */
function bytesIn(message: unknown, depth = 2): number {
  if (typeof message === "string") return message.length;
  if (message instanceof Uint8Array) return message.byteLength;
  if (typeof message !== "object" || message === null || depth === 0) return 0;
  return Object.values(message).reduce((sum: number, value) => sum + bytesIn(value, depth - 1), 0);
}

function knownAs(caller: Identity | null): KnownCaller {
  return caller === null ? { name: "", role: null } : { name: caller.name, role: roleOf(caller) };
}

/** Returns a reader of the tokens file. Its errors go to the log: a caller must not learn the path. */
export function tokensOf(
  { tokensPath }: Pick<Guard, "tokensPath">,
  report: ReportFailure,
): () => ReadonlyMap<string, Token> {
  if (tokensPath === null) return () => new Map();
  const file = new TokensFile(tokensPath, Date.now);
  return () => {
    try {
      return file.tokens;
    } catch (error) {
      report("tokens", error);
      throw new ShardmillError(
        "TOKEN_REFUSED",
        "this coordinator cannot read its tokens file, and refuses all tokens",
        {
          hint: "look for the reason in the coordinator's log",
        },
      );
    }
  };
}
