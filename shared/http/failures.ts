import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { type ErrorField, isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { STORE_SCHEMES } from "../domain/store-schemes.ts";
import { SEALED_QUERY } from "../domain/web-address.ts";
import type { Answer } from "./messages.ts";

/** What the server, or the way to it, may do otherwise a moment later. */
export class PassingFailure extends Error {
  /** The server has too much to do: it asks for fewer requests. */
  readonly isThrottled: boolean;
  /** How long it asks to be left alone. */
  readonly afterMs: number;
  /** Of a connection that was kept, and that the server had closed meanwhile: nothing was asked. */
  readonly isStale: boolean;
  /** The call's next request waits by itself, and gives up by itself: it is no try of the line. */
  readonly isPaced: boolean;
  /** What is told of it when it does not pass. */
  readonly fields: Readonly<Record<string, ErrorField>>;

  constructor(
    message: string,
    options: {
      readonly isThrottled?: boolean;
      readonly afterMs?: number;
      readonly isStale?: boolean;
      readonly isPaced?: boolean;
      readonly fields?: Readonly<Record<string, ErrorField>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.isThrottled = options.isThrottled ?? false;
    this.afterMs = options.afterMs ?? 0;
    this.isStale = options.isStale ?? false;
    this.isPaced = options.isPaced ?? false;
    this.fields = options.fields ?? {};
  }
}

/** `code` for what is at `path`: `what` says it of that. */
export function failed(
  code: ErrorCode,
  path: string,
  what: string,
  options: {
    readonly fields?: Readonly<Record<string, ErrorField>>;
    readonly hint?: string;
    readonly cause?: unknown;
  } = {},
): ShardmillError {
  return new ShardmillError(code, `${path} ${what}`, { ...options, fields: { path, ...options.fields } });
}

/** @param expected the version that is wanted; `found`: the one that is there, where that is known */
export function changed(path: string, expected: string, found: string | null): ShardmillError {
  return failed("STORE_CHANGED", path, "is not what it was any more", { fields: { expected, found } });
}

/** A server that does not know how to do it will not know it in a second. */
const NEVER_DONE: readonly number[] = [501, 505];

/** What follows from an answer that is not the one that was meant, as far as its status says. */
export function judgedByStatus(path: string, { status, headers }: Answer): Error {
  const fields = { status };
  if (status === 404 || status === 410)
    return failed("STORE_NOT_FOUND", path, `is not there (${status})`, { fields });
  if (status === 401 || status === 403 || status === 407 || status === 451)
    return failed("STORE_REFUSED", path, `is not given to whoever asks (${status})`, { fields });
  if (status === 408 || status === 425 || status === 429 || (status >= 500 && !NEVER_DONE.includes(status))) {
    const isThrottled = status === 429 || status === 503;
    return new PassingFailure(`answers ${status}`, {
      isThrottled,
      afterMs: retryAfterMs(headers["retry-after"], headers.date),
    });
  }
  return failed("STORE_FAILED", path, `answers ${status}`, { fields });
}

/** 407: a proxy that the environment names of this machine. */
export function wantsProxyUser(path: string): ShardmillError {
  return failed("STORE_REFUSED", path, "is behind a proxy that wants to know who asks (407)", {
    fields: { status: 407, variable: "HTTPS_PROXY" },
    hint: "put name and password into HTTPS_PROXY or HTTP_PROXY: http://NAME:PASSWORD@HOST:PORT",
  });
}

/** In seconds, or as a date, which counts from the answer's own date: clocks of two machines differ. */
function retryAfterMs(after: string | undefined, date: string | undefined): number {
  if (after === undefined) return 0;
  if (/^\d{1,6}$/.test(after)) return Number(after) * 1_000;
  const untilMs = Date.parse(after) - Date.parse(date ?? "");
  return Number.isFinite(untilMs) ? Math.max(0, untilMs) : 0;
}

/** Certificates that do not hold: they do not become better by asking again. */
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|HOSTNAME_MISMATCH|INVALID_CA|ERR_SSL_)/;

/** Variables that name a file of certificates for one kind of store. */
const CERTIFICATE_VARIABLES = [...STORE_SCHEMES.values()].flatMap(({ certificates }) =>
  certificates === undefined ? [] : ` in ${certificates.variable} for ${certificates.store},`,
);

/**
 * What follows from an error on the way to a server. What is said of the server, whatever is asked of it, has
 * its name in the field `server`; what is said of this machine's settings, theirs in `variable`.
 */
export function judgedByError(
  path: string,
  { host, proxy }: { readonly host: string; readonly proxy: string | null },
  error: unknown,
): Error {
  if (isShardmillError(error)) return error;
  const code = errorCode(error);
  // It may be the name of a proxy. And a network that is gone, of a VPN, knows no name either.
  if (code === "ENOTFOUND") return new PassingFailure(...unknownHost(host, error));
  if (code !== null && CERTIFICATE.test(code))
    return failed("STORE_REFUSED", path, `is on a server that cannot prove who it is: ${messageOf(error)}`, {
      fields: { reason: code, server: host },
      hint: `for a certificate of your own, name its authority's file in \`stores: { ca }\`,${CERTIFICATE_VARIABLES.join("")} or in NODE_EXTRA_CA_CERTS`,
      cause: error,
    });
  if (proxy === null) return new PassingFailure(`cannot be reached: ${messageOf(error)}`, { cause: error });
  const what = `cannot be reached by the proxy ${proxy} of HTTPS_PROXY or HTTP_PROXY`;
  return new PassingFailure(`${what}: ${messageOf(error)}`, {
    fields: { variable: "HTTPS_PROXY", proxy },
    cause: error,
  });
}

function unknownHost(host: string, cause: unknown): ConstructorParameters<typeof PassingFailure> {
  const unknown = String((cause as { readonly hostname?: unknown }).hostname ?? host);
  return unknown === host
    ? [`cannot be reached: nobody knows ${host}`, { fields: { server: host }, cause }]
    : [
        `cannot be reached: nobody knows the proxy ${unknown}`,
        { fields: { variable: "HTTPS_PROXY", proxy: unknown }, cause },
      ];
}

/** An address as it may be shown: what stands behind `?`, and before `@`, may be a secret. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname, search, hash } = new URL(url);
  const query = SEALED_QUERY.test(hash) ? hash : search === "" ? "" : "?...";
  return `${protocol}//${host}${pathname}${query}`;
}
