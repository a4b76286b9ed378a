import { createHash, timingSafeEqual } from "node:crypto";
import { type CallerIdentity, type Callers, OWNER_NAME } from "../../shared/access/callers.ts";
import type { Role } from "../../shared/access/roles.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { faceOf } from "./face-methods.ts";
import { callersOf, mayCall } from "./method-callers.ts";
import { isToken, refuseEnded, shownToken, type Token, tokenOf, tokenOfNames } from "./tokens.ts";

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
}

/** Caller, with all that is known of the token. */
export interface Identity extends CallerIdentity {
  readonly token: Token | null;
}

export const ANYONE: Identity = { name: "anyone", token: null };
const OWNER: Identity = { name: OWNER_NAME, token: null };
const TO_MOST =
  "send `authorization: Bearer SECRET`, with what the secret file of the user holds who started the coordinator, or a token; or show a certificate that it knows";
export const SUBMIT = "/shardmill.v1.JobsService/SubmitJob";

/** Null of anyone. */
export function roleOf({ name, token }: Identity): Role | null {
  return token?.role ?? (name === OWNER_NAME ? "admin" : null);
}

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
   * @param names of the certificate that the connection has shown, where one was asked for and verified
   * @param onKnown is told who it is, before that one is refused
   * @throws {SECRET_REFUSED} {TOKEN_REFUSED} when it is nobody who is known
   * @throws {ROLE_REFUSED} {SUBMIT_REFUSED} when that one may not make it
   */
  identify(
    path: string,
    bearer: string | null,
    names: readonly string[] = [],
    onKnown: (identity: Identity) => void = () => {},
  ): Identity {
    const callers = callersOf(path);
    if (callers === "anyone") return ANYONE;
    const identity = this.identityOf(bearer, names, faceOf(path)?.token?.hint ?? TO_MOST);
    onKnown(identity);
    this.admit(identity, callers, path.slice(path.lastIndexOf("/") + 1));
    if (path === SUBMIT && !this.#takesJobs) throw submitRefused();
    return identity;
  }

  /** @param what may be done by `callers`, as a refusal names it @throws {ROLE_REFUSED} */
  admit({ token }: Identity, callers: Callers, what: string): void {
    if (token !== null && !mayCall(token.role, callers)) throw roleRefused(token, what, callers);
  }

  /**
   * Of what a call bears, which goes before what its connection has shown: a token is judged alone. But for a
   * secret of another coordinator, which clients send unasked where they find one: that is as none.
   *
   * @param hint how it is borne @throws {SECRET_REFUSED} {TOKEN_REFUSED}
   */
  identityOf(bearer: string | null, names: readonly string[] = [], hint = TO_MOST): Identity {
    // Digests have one length, and comparing them takes one time, whatever was sent.
    if (bearer !== null && timingSafeEqual(sha256(bearer), this.#secret)) return OWNER;
    if (bearer !== null && isToken(bearer)) return holderOf(tokenOf(bearer, this.#tokens(), this.#nowMs()));
    const shown = names.length === 0 ? null : tokenOfNames(names, this.#tokens(), this.#nowMs());
    if (shown === null) throw secretRefused(bearer !== null, hint);
    return holderOf(shown);
  }

  /** Of a token by its id, or of the secret (null), as one who was known before. @throws {TOKEN_REFUSED} */
  identityOfId(id: string | null): Identity {
    if (id === null) return OWNER;
    return holderOf(refuseEnded(id, this.#tokens(), this.#nowMs()));
  }

  /** Who made a call some time ago, and may still be answered. @throws {TOKEN_REFUSED} when not */
  confirm(identity: Identity): Identity {
    const { token } = identity;
    if (token !== null) refuseEnded(token.id, this.#tokens(), this.#nowMs());
    return identity;
  }
}

function holderOf(token: Token): Identity {
  return { name: shownToken(token), token };
}

function secretRefused(wasSent: boolean, hint: string): ShardmillError {
  const what = wasSent ? "this is not the secret of this coordinator" : "this coordinator wants a secret";
  return new ShardmillError("SECRET_REFUSED", what, { hint });
}

function roleRefused(token: Token, method: string, wanted: Callers): ShardmillError {
  const what = `${shownToken(token)} is for ${token.role}, and ${method} takes one for ${wanted}`;
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
