import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { type ErrorField, isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { STORE_SCHEMES } from "../domain/store-schemes.ts";
import { SEALED_QUERY } from "../domain/web-address.ts";
import type { Answer } from "./messages.ts";

/** Transient failure of the server or the connection. */
export class PassingFailure extends Error {
  /** True when the server is overloaded: it asks for fewer requests. */
  readonly isThrottled: boolean;
  /** Pause that the server requests. */
  readonly afterMs: number;
  /** True when the server had closed a kept connection: no request was processed. */
  readonly isStale: boolean;
  /** True when the call's next request has its own wait and limit: it does not count as a try. */
  readonly isPaced: boolean;
  /** Facts for the error when the failure persists. */
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

/** Returns an error of `code` for `path`. `what` continues the message after the path. */
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

/**
 * @param expected version that is wanted
 * @param found version that exists. Null: unknown.
 */
export function changed(path: string, expected: string, found: string | null): ShardmillError {
  return failed("STORE_CHANGED", path, "has changed", { fields: { expected, found } });
}

/** Statuses of unsupported requests: a retry cannot help. */
const NEVER_DONE: readonly number[] = [501, 505];

/** Returns the error of an unexpected answer, by its status. */
export function judgedByStatus(path: string, { status, headers }: Answer): Error {
  const fields = { status };
  if (status === 404 || status === 410)
    return failed("STORE_NOT_FOUND", path, `is not there (${status})`, { fields });
  if (status === 401 || status === 403 || status === 407 || status === 451)
    return failed("STORE_REFUSED", path, `denies access (${status})`, { fields });
  if (status === 408 || status === 425 || status === 429 || (status >= 500 && !NEVER_DONE.includes(status))) {
    const isThrottled = status === 429 || status === 503;
    return new PassingFailure(`answers ${status}`, {
      isThrottled,
      afterMs: retryAfterMs(headers["retry-after"], headers.date),
    });
  }
  return failed("STORE_FAILED", path, `answers ${status}`, { fields });
}

/** Returns the error for status 407 of this machine's proxy. */
export function wantsProxyUser(path: string): ShardmillError {
  return failed("STORE_REFUSED", path, "is behind a proxy that requires authentication (407)", {
    fields: { status: 407, variable: "HTTPS_PROXY" },
    hint: "put name and password into HTTPS_PROXY or HTTP_PROXY: http://NAME:PASSWORD@HOST:PORT",
  });
}

/** Reads `retry-after`: seconds, or a date relative to the answer's own, because clocks differ. */
export function retryAfterMs(after: string | undefined, date: string | undefined): number {
  if (after === undefined) return 0;
  if (/^\d{1,6}$/.test(after)) return Number(after) * 1_000;
  const untilMs = Date.parse(after) - Date.parse(date ?? "");
  return Number.isFinite(untilMs) ? Math.max(0, untilMs) : 0;
}

/** Codes of invalid certificates: a retry cannot help. */
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|HOSTNAME_MISMATCH|INVALID_CA|ERR_SSL_)/;

/** Variables that name a file of certificates for one kind of store. */
const CERTIFICATE_VARIABLES = [...STORE_SCHEMES.values()].flatMap(({ certificates }) =>
  certificates === undefined ? [] : ` in ${certificates.variable} for ${certificates.store},`,
);

/**
 * Returns the error for a failed connection. The field `server` marks errors of the whole server. The field
 * `variable` marks errors of this machine's settings.
 */
export function judgedByError(
  path: string,
  { host, proxy }: { readonly host: string; readonly proxy: string | null },
  error: unknown,
): Error {
  if (isShardmillError(error)) return error;
  const code = errorCode(error);
  // The unknown name may be a proxy's. A lost network, such as a VPN, cannot resolve names either.
  if (code === "ENOTFOUND") return new PassingFailure(...unknownHost(host, error));
  if (code !== null && CERTIFICATE.test(code))
    return failed(
      "STORE_REFUSED",
      path,
      `is on a server whose certificate is not trusted: ${messageOf(error)}`,
      {
        fields: { reason: code, server: host },
        hint: `for a certificate of your own, name its authority's file in \`stores: { ca }\`,${CERTIFICATE_VARIABLES.join("")} or in NODE_EXTRA_CA_CERTS`,
        cause: error,
      },
    );
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
    ? [`cannot be reached: unknown host ${host}`, { fields: { server: host }, cause }]
    : [
        `cannot be reached: unknown proxy ${unknown}`,
        { fields: { variable: "HTTPS_PROXY", proxy: unknown }, cause },
      ];
}

/** Returns a URL that is safe to show: the parts after `?` and before `@` may be secrets. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname, search, hash } = new URL(url);
  const query = SEALED_QUERY.test(hash) ? hash : search === "" ? "" : "?...";
  return `${protocol}//${host}${pathname}${query}`;
}
