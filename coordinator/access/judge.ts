import { createHash, timingSafeEqual } from "node:crypto";
import { ShardmillError } from "../../shared/core/errors.ts";
import { callersOf, mayCall, type Role } from "./method-callers.ts";
import { isToken, refuseEnded, type Token, tokenOf } from "./tokens.ts";

/** Whom a coordinator answers: plain data, so that its threads can have it, too. */
export interface Guard {
  /** Known to its user's processes only: opens everything. */
  readonly secret: string;
  /** Where tokens for others are kept; null: none are known. */
  readonly tokensPath: string | null;
  /** Where it is kept who did what; null: in the log. */
  readonly auditPath: string | null;
  /** Whether jobs may be handed in: one that was started for a job of its own takes no others. */
  readonly takesJobs: boolean;
  /** Whether jobs that are handed in may bring code along, which runs here to be planned and to reduce. */
  readonly takesCode: boolean;
}

/** Who makes a call. */
export interface Identity {
  /** `secret`, `token ID (NAME)`, or `anyone` of a method that asks for nobody. */
  readonly name: string;
  /** Null of who has the secret, or needs none. */
  readonly token: Token | null;
}

const ANYONE: Identity = { name: "anyone", token: null };
const OWNER: Identity = { name: "secret", token: null };
const SUBMIT = "/shardmill.v1.JobsService/SubmitJob";

/** Judges calls by their method and what they bear. */
export class Judge {
  readonly #secret: Buffer;
  readonly #takesJobs: boolean;
  readonly #tokens: () => ReadonlyMap<string, Token>;
  readonly #nowMs: () => number;

  constructor(
    { secret, takesJobs }: Pick<Guard, "secret" | "takesJobs">,
    tokens: () => ReadonlyMap<string, Token>,
    nowMs: () => number,
  ) {
    this.#secret = sha256(secret);
    this.#takesJobs = takesJobs;
    this.#tokens = tokens;
    this.#nowMs = nowMs;
  }

  /**
   * Who makes a call.
   *
   * @throws {SECRET_REFUSED} {TOKEN_REFUSED} when it is nobody who is known
   * @throws {ROLE_REFUSED} {SUBMIT_REFUSED} when that one may not make it
   */
  identify(path: string, bearer: string | null): Identity {
    const callers = callersOf(path);
    if (callers === "anyone") return ANYONE;
    const identity = this.#whoBears(bearer);
    const { token } = identity;
    if (token !== null && !mayCall(token.role, callers)) throw roleRefused(token, path, callers);
    if (path === SUBMIT && !this.#takesJobs) throw submitRefused();
    return identity;
  }

  /** Who made a call some time ago, and may still be answered. @throws {TOKEN_REFUSED} when not */
  confirm(identity: Identity): Identity {
    const { token } = identity;
    if (token !== null) refuseEnded(token.id, this.#tokens(), this.#nowMs());
    return identity;
  }

  #whoBears(bearer: string | null): Identity {
    // Digests have one length, and comparing them takes one time, whatever was sent.
    if (bearer !== null && timingSafeEqual(sha256(bearer), this.#secret)) return OWNER;
    if (bearer === null || !isToken(bearer)) throw secretRefused(bearer !== null);
    const token = tokenOf(bearer, this.#tokens(), this.#nowMs());
    return { name: `token ${token.id} (${token.name})`, token };
  }
}

function secretRefused(wasSent: boolean): ShardmillError {
  const what = wasSent ? "this is not the secret of this coordinator" : "this coordinator wants a secret";
  return new ShardmillError("SECRET_REFUSED", what, {
    hint: "send `authorization: Bearer SECRET`, with what the secret file of the user holds who started the coordinator, or a token",
  });
}

function roleRefused({ id, name, role }: Token, path: string, wanted: Role | "known"): ShardmillError {
  const method = path.slice(path.lastIndexOf("/") + 1);
  const what = `token ${id} (${name}) is for ${role}, and ${method} takes one for ${wanted}`;
  return new ShardmillError("ROLE_REFUSED", what, {
    fields: { method },
    hint: `make one where the coordinator runs: shardmill token create --role ${wanted}`,
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
