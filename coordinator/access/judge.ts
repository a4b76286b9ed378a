import { createHash, timingSafeEqual } from "node:crypto";
import { type CallerIdentity, type Callers, OWNER_NAME } from "../../shared/access/callers.ts";
import type { Role } from "../../shared/access/roles.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { faceOf } from "./face-methods.ts";
import { callersOf, mayCall } from "./method-callers.ts";
import { isToken, refuseEnded, shownToken, type Token, tokenOf, tokenOfNames } from "./tokens.ts";

/** Access settings of a coordinator: plain data, so that threads can receive it, too. */
export interface Guard {
  /** Secret that only processes of the coordinator's user know. It authorizes everything. */
  readonly secret: string;
  /** Path of the file with tokens for other users. Null: none are known. */
  readonly tokensPath: string | null;
  /** Path of the audit log. Null: in the coordinator's log. */
  readonly auditPath: string | null;
  /** True when jobs may be submitted. A coordinator that was started for a job of its own takes no others. */
  readonly takesJobs: boolean;
}

/** Caller, with the facts of its token. */
export interface Identity extends CallerIdentity {
  readonly token: Token | null;
}

export const ANYONE: Identity = { name: "anyone", token: null };
const OWNER: Identity = { name: OWNER_NAME, token: null };
const TO_MOST =
  "send `authorization: Bearer SECRET` (a token, or the secret in the secret file of the user who started the coordinator), or use a certificate that the coordinator knows";
export const SUBMIT = "/shardmill.v1.JobsService/SubmitJob";

/** Returns the role of a caller. Null: the caller is not authenticated. */
export function roleOf({ name, token }: Identity): Role | null {
  return token?.role ?? (name === OWNER_NAME ? "admin" : null);
}

/** Limit of credentials that are known again without a digest: a fleet has a few tokens. */
const MOST_KNOWN = 1_000;

/** Authenticates and authorizes calls by their method and credentials. */
export class Judge {
  /**
   * Tokens of accepted credentials. Null: the secret. A digest for each call would cost more than the rest of
   * the check. A map finds a text by its seeded hash. So its time does not depend on other credentials.
   */
  readonly #known = new Map<string, KnownToken | null>();
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
   * Authenticates and authorizes a call.
   *
   * @param names of the connection's certificate, if one was requested and verified
   * @param onKnown called with the caller before its role is checked
   * @throws {SECRET_REFUSED} {TOKEN_REFUSED} when the caller is unknown
   * @throws {ROLE_REFUSED} {SUBMIT_REFUSED} when the caller may not make this call
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

  /**
   * Authorizes a caller by its role.
   *
   * @param what action of `callers`, as the refusal names it
   * @throws {ROLE_REFUSED}
   */
  admit({ token }: Identity, callers: Callers, what: string): void {
    if (token !== null && !mayCall(token.role, callers)) throw roleRefused(token, what, callers);
  }

  /**
   * Returns the caller of a bearer credential, or else of the connection's certificate. A token is checked
   * without the certificate. A secret of another coordinator is ignored, because clients send it by
   * themselves if they find one.
   *
   * @param hint of the error: how to authenticate @throws {SECRET_REFUSED} {TOKEN_REFUSED}
   */
  identityOf(bearer: string | null, names: readonly string[] = [], hint = TO_MOST): Identity {
    const known = bearer === null ? undefined : this.#known.get(bearer);
    if (known === null) return OWNER;
    if (known !== undefined && isSame(known, this.#tokens().get(known.id)))
      return this.identityOfId(known.id);
    // Compare digests: they have the same length, and the comparison takes constant time.
    if (bearer !== null && timingSafeEqual(sha256(bearer), this.#secret)) {
      this.#know(bearer, null);
      return OWNER;
    }
    if (bearer !== null && isToken(bearer)) {
      const token = tokenOf(bearer, this.#tokens(), this.#nowMs());
      if ("sha256" in token) this.#know(bearer, token);
      return holderOf(token);
    }
    const shown = names.length === 0 ? null : tokenOfNames(names, this.#tokens(), this.#nowMs());
    if (shown === null) throw secretRefused(bearer !== null, hint);
    return holderOf(shown);
  }

  /** Returns the holder of a token by its ID, or of the secret (null). @throws {TOKEN_REFUSED} */
  identityOfId(id: string | null): Identity {
    if (id === null) return OWNER;
    return holderOf(refuseEnded(id, this.#tokens(), this.#nowMs()));
  }

  #know(bearer: string, token: KnownToken | null): void {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(bearer, token);
  }

  /** Checks again that an earlier caller is authorized. @throws {TOKEN_REFUSED} when it is not */
  confirm(identity: Identity): Identity {
    const { token } = identity;
    if (token !== null) refuseEnded(token.id, this.#tokens(), this.#nowMs());
    return identity;
  }
}

type KnownToken = Pick<Extract<Token, { readonly sha256: string }>, "id" | "sha256">;

function isSame({ sha256: digest }: KnownToken, token: Token | undefined): boolean {
  return token !== undefined && "sha256" in token && token.sha256 === digest;
}

function holderOf(token: Token): Identity {
  return { name: shownToken(token), token };
}

function secretRefused(wasSent: boolean, hint: string): ShardmillError {
  const what = wasSent ? "this is not the secret of this coordinator" : "this coordinator requires a secret";
  return new ShardmillError("SECRET_REFUSED", what, { hint });
}

function roleRefused(token: Token, method: string, wanted: Callers): ShardmillError {
  const what = `${shownToken(token)} has the role ${token.role}, and ${method} requires the role ${wanted}`;
  return new ShardmillError("ROLE_REFUSED", what, {
    fields: { method },
    hint: `create a token where the coordinator runs: shardmill token create --role ${wanted}`,
  });
}

function submitRefused(): ShardmillError {
  return new ShardmillError(
    "SUBMIT_REFUSED",
    "this coordinator was started for one job, and accepts no other job",
    {
      hint: "submit to a coordinator that was started without a job: shardmill coordinator",
    },
  );
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
