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

/** Knows connections by the address and port of who made them. */
interface Door {
  /** Why no call of it is answered; null where they are. */
  refusalOf(peer: string): ShardmillError | null;
  /** The names of its certificate, as {@link namesOf} has them; none where none was asked for. */
  namesOf(peer: string): readonly string[];
}

interface Seen {
  readonly report: ReportFailure;
  readonly rates: CallRates;
  readonly audit: AuditLog;
  /** Null where connections are taken from anyone. */
  readonly door: Door | null;
}

/**
 * Judges every call by its method and its headers, before a byte of its messages is read: a stranger's bytes
 * reach no codec and no service. The exception is a face that has its token in the message. And once more
 * before each answer, since calls may last for hours: who was shut out meanwhile gets no more.
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
  /** Of a call that is judged by its message. */
  #unjudged: Metadata | null = null;
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
        const letIn = async () => {
          const token = (await faceOf(this.#path)?.token?.read(this.#path, message)) ?? null;
          if (!this.#isLet(() => this.#identify(token))) return;
          markCaller(metadata, knownAs(this.#caller));
          next(message);
        };
        letIn().catch((error: unknown) => this.#call.sendStatus(toStatus(error)));
      })
      .withOnCancel(() => {
        // grpc-js says so of every call that is over, and in whatever way.
        this.#isOver = true;
        this.#ended();
      })
      .build();
  }

  /** @throws why its connection, or who calls, is not let in */
  #enter(bearer: string | null): void {
    const refusal = this.#callers === "anyone" ? null : this.#seen.door?.refusalOf(this.#peer);
    if (refusal) throw refusal;
    if (this.#unjudged === null) this.#identify(bearer);
  }

  #identify(bearer: string | null): void {
    const { door, rates } = this.#seen;
    const identity = this.#judge.identify(this.#path, bearer, door?.namesOf(this.#peer), (known) => {
      this.#caller = known;
    });
    this.#caller = identity;
    rates.call(identity, this.#callers, this.#peer);
    const ended = rates.open(identity, this.#callers, this.#peer);
    if (this.#isOver) ended();
    else this.#ended = ended;
  }

  #weigh(message: unknown): void {
    const sent = { peer: this.#peer, bytes: bytesIn(message) };
    this.#seen.rates.message(this.#caller ?? ANYONE, this.#callers, sent);
  }

  get #peer(): string {
    return this.#call.getPeer();
  }

  /** Whether nothing is wrong; else the call has been told what. */
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

/** What is large in a message as grpc-js has it here, its fields apart: texts and bytes, not yet read. */
function bytesIn(message: unknown, depth = 2): number {
  if (typeof message === "string") return message.length;
  if (message instanceof Uint8Array) return message.byteLength;
  if (typeof message !== "object" || message === null || depth === 0) return 0;
  return Object.values(message).reduce((sum: number, value) => sum + bytesIn(value, depth - 1), 0);
}

function knownAs(caller: Identity | null): KnownCaller {
  return caller === null ? { name: "", role: null } : { name: caller.name, role: roleOf(caller) };
}

/** What is wrong with the file is for the log: whoever calls must not learn where it is. */
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
      throw new ShardmillError("TOKEN_REFUSED", "this coordinator cannot read its tokens, and refuses all", {
        hint: "its log says what is wrong with them",
      });
    }
  };
}
