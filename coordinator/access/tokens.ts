import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { matches, parseCertificateName } from "../../shared/access/certificate-names.ts";
import { ROLES, type Role } from "../../shared/access/roles.ts";
import { ShardmillError } from "../../shared/core/errors.ts";

/** Stored facts of a token: enough to verify it, not enough to make it. Times are ISO 8601. */
interface TokenFacts {
  readonly id: string;
  /** Name for people and for the audit log. */
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
  /** Null: never. */
  readonly expiresAt: string | null;
  /** Null: not revoked. */
  readonly revokedAt: string | null;
}

/** Token, sent as a text, or a certificate name that needs no text. */
export type Token = TokenFacts & ({ readonly sha256: string } | { readonly certificate: CertificateName });
type CertificateName = string;

/** Line of the tokens file. Lines are never changed, so two concurrent writers lose nothing. */
export type TokenLine =
  | ({ readonly kind: "created" } & Made<Token>)
  | { readonly kind: "revoked"; readonly id: string; readonly revokedAt: string };

type Made<T> = T extends unknown ? Omit<T, "revokedAt"> : never;

/** Form of a token: `smt_1a2b3c4d_` and the secret. The ID in a log shows which token to revoke. */
const TOKEN = /^smt_([0-9a-f]{8})_[\w-]{43}$/;

type Named = Pick<TokenFacts, "name" | "role" | "expiresAt">;

/** Makes a token: the text, which is shown once, and the line to store. */
export function makeToken(
  named: Named,
  createdAt: string,
): {
  readonly text: string;
  readonly line: TokenLine & { readonly kind: "created"; readonly sha256: string };
} {
  const id = newId();
  const text = `smt_${id}_${randomBytes(32).toString("base64url")}`;
  return { text, line: { kind: "created", id, ...named, sha256: sha256(text).toString("hex"), createdAt } };
}

/** Returns the line that authorizes a certificate name of {@link parseCertificateName}. */
export function grantOf(
  certificate: CertificateName,
  named: Named,
  createdAt: string,
): TokenLine & { readonly kind: "created" } {
  return { kind: "created", id: newId(), ...named, certificate, createdAt };
}

function newId(): string {
  return randomBytes(4).toString("hex");
}

/** Combines the lines into tokens by ID, in the order of creation. @throws {TOKEN_INVALID} */
export function foldTokens(text: string, path: string): ReadonlyMap<string, Token> {
  const tokens = new Map<string, Token>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const said = lineOf(line);
    if (said === null) throw unreadable(path, index + 1);
    if (said.kind === "created") tokens.set(said.id, { ...said, revokedAt: null });
    const known = tokens.get(said.id);
    if (said.kind === "revoked" && known !== undefined)
      tokens.set(said.id, { ...known, revokedAt: said.revokedAt });
  }
  return tokens;
}

/** Checks whether a bearer credential has the form of a token. */
export function isToken(bearer: string): boolean {
  return TOKEN.test(bearer);
}

/** Returns the token of a call. @throws {TOKEN_REFUSED} when it is unknown or no longer valid */
export function tokenOf(bearer: string, tokens: ReadonlyMap<string, Token>, nowMs: number): Token {
  const [, id = ""] = TOKEN.exec(bearer) ?? [];
  const sent = sha256(bearer);
  const token = tokens.get(id);
  const isKnown =
    token !== undefined && "sha256" in token && timingSafeEqual(Buffer.from(token.sha256, "hex"), sent);
  if (!isKnown) throw unknown(id);
  return refuseEnded(id, tokens, nowMs);
}

/**
 * Returns the valid token for a certificate's names, the first created one if several match.
 *
 * @returns null when none matches
 * @throws {TOKEN_REFUSED} when all that match are no longer valid
 */
export function tokenOfNames(
  names: readonly string[],
  tokens: ReadonlyMap<string, Token>,
  nowMs: number,
): Token | null {
  let refusal: unknown = null;
  for (const token of tokens.values()) {
    if (!("certificate" in token)) continue;
    const { certificate, id } = token;
    if (!names.some((name) => matches(certificate, name))) continue;
    try {
      return refuseEnded(id, tokens, nowMs);
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal !== null) throw refusal;
  return null;
}

/** Returns the name of a token for people and logs. */
export function shownToken(token: Token): string {
  return `${"certificate" in token ? "certificate" : "token"} ${token.id} (${token.name})`;
}

/** Returns the token of an ID. @throws {TOKEN_REFUSED} when it is no longer valid, or no longer there */
export function refuseEnded(id: string, tokens: ReadonlyMap<string, Token>, nowMs: number): Token {
  const token = tokens.get(id);
  if (token === undefined) throw unknown(id);
  const { expiresAt, revokedAt } = token;
  if (revokedAt !== null) throw refused(`${shownToken(token)} was revoked at ${revokedAt}`);
  if (expiresAt !== null && nowMs >= Date.parse(expiresAt))
    throw refused(`${shownToken(token)} expired at ${expiresAt}`);
  return token;
}

function unknown(id: string): ShardmillError {
  return refused(`this coordinator does not know token ${id}`);
}

function refused(what: string): ShardmillError {
  return new ShardmillError("TOKEN_REFUSED", what, {
    hint: "create another token where the coordinator runs: shardmill token create",
  });
}

/** Returns the error for an invalid line, without its content, which may be a token. */
function unreadable(path: string, line: number): ShardmillError {
  return new ShardmillError("TOKEN_INVALID", `tokens file, line ${line}: not a valid entry`, {
    fields: { path, line },
    hint: "remove that line: until then, the coordinator refuses all tokens",
  });
}

function lineOf(text: string): TokenLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const said = value as Readonly<Record<string, unknown>>;
  const { kind, id, name, role, sha256, certificate, createdAt, expiresAt, revokedAt } = said;
  if (typeof id !== "string") return null;
  if (kind === "revoked") return isTime(revokedAt) ? { kind, id, revokedAt } : null;
  const found = ROLES.find((known) => known === role);
  if (kind !== "created" || typeof name !== "string" || found === undefined) return null;
  if (!isTime(createdAt) || (expiresAt !== null && !isTime(expiresAt))) return null;
  const facts = { kind, id, name, role: found, createdAt, expiresAt } as const;
  if (typeof certificate === "string")
    return isCertificateName(certificate) ? { ...facts, certificate } : null;
  return typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) ? { ...facts, sha256 } : null;
}

function isCertificateName(text: string): boolean {
  try {
    return parseCertificateName(text) === text;
  } catch {
    return false;
  }
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
