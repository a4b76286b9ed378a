import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { ERROR_CODES } from "../core/error-codes.ts";
import {
  type ErrorData,
  errorFromData,
  errorToData,
  isShardmillError,
  ShardmillError,
  toShardmillError,
} from "../core/errors.ts";
import { deserializeError, serializeError } from "./codec-error.ts";

/** Trailer with the whole error as ErrorDetail bytes, beside the gRPC status of a failed call. */
const ERROR_TRAILER = "shardmill-error-bin";

/** Trailer with the delay for clients that retry by themselves (gRPC's proposal A6). */
const PUSHBACK_TRAILER = "grpc-retry-pushback-ms";

/**
 * Limit of the error in the trailers. By default, the C core of gRPC refuses trailers of more than 8 KiB in
 * total. Python and C++ use it. Base64 adds a third. The last problems are cut first.
 */
const MAX_TRAILER_BYTES = 4 * 1024;

/** Limit of the percent-encoded status message. A character outside of ASCII needs at most twelve bytes. */
const MAX_MESSAGE_BYTES = 2 * 1024;

/**
 * Converts an error to a gRPC status. The trailer has its code, fields, problems and hint. The status message
 * has them as text, for clients that cannot read the trailer. Stacks and causes are never sent.
 */
export function toStatus(error: unknown): { code: status; details: string; metadata: Metadata } {
  const data = errorToData(error);
  const metadata = new Metadata();
  metadata.set(ERROR_TRAILER, serializeBounded(data));
  const { retryMs } = data.fields;
  if (typeof retryMs === "number") metadata.set(PUSHBACK_TRAILER, String(retryMs));
  return { code: status[ERROR_CODES[data.code].grpc], details: headerText(inWords(data)), metadata };
}

/** Status of a call that failed on a stream of calls. */
export interface CallFailure {
  readonly code: number;
  readonly message: string;
  /** Bytes of the trailer. Empty: the transport failed. */
  readonly error: Uint8Array;
}

/** Converts an error to the status of a call on a stream of calls. */
export function toFailure(error: unknown): CallFailure {
  const { code, details, metadata } = toStatus(error);
  const [trailer] = metadata.get(ERROR_TRAILER);
  return { code, message: details, error: Buffer.isBuffer(trailer) ? trailer : Buffer.alloc(0) };
}

/** Converts the status to the error that grpc-js would report for a call alone. */
export function fromFailure({ code, message, error }: CallFailure): Error {
  const metadata = new Metadata();
  if (error.length > 0) metadata.set(ERROR_TRAILER, Buffer.from(error));
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/** Address and method of a failed call. */
interface FailedCall {
  readonly address: string;
  readonly method: string;
  readonly credential: Credential;
}

/** Returns the error of a failed call: the coordinator's own if it sent one, else the transport's. */
export function fromStatus(error: unknown, call: FailedCall): ShardmillError {
  if (!isServiceError(error)) return toShardmillError(error);
  const [trailer] = error.metadata.get(ERROR_TRAILER);
  return Buffer.isBuffer(trailer) ? fromTrailer(trailer, error, call) : fromTransport(error, call);
}

function fromTrailer(trailer: Buffer, error: ServiceError, call: FailedCall): ShardmillError {
  try {
    const said = errorFromData(deserializeError(trailer));
    if (said.code === "SECRET_REFUSED") return secretRefused(call);
    return said.code === "TOKEN_REFUSED" || said.code === "ROLE_REFUSED" ? tokenRefused(said, call) : said;
  } catch (cause) {
    const { address, method } = call;
    return new ShardmillError("RPC_FAILED", error.details, {
      fields: { address, method, status: status[error.code] ?? error.code },
      hint: "run the same version of shardmill on the coordinator and on its workers",
      cause,
    });
  }
}

function fromTransport(error: ServiceError, call: FailedCall): ShardmillError {
  const { address, method } = call;
  const options = { fields: { address, method }, cause: error };
  switch (error.code) {
    case status.UNAVAILABLE:
      return isCertificateError(error.details)
        ? new ShardmillError("CERTIFICATE_REFUSED", `no secure connection to ${address}: ${reason(error)}`, {
            ...options,
            hint: "check the certificates of both peers, and that both or neither use TLS",
          })
        : unreachable(address, reason(error), error);
    case status.CANCELLED:
      return unreachable(address, "it ended the call, and may be shutting down", error);
    case status.DEADLINE_EXCEEDED:
      return new ShardmillError("DEADLINE_EXCEEDED", `no answer to ${method} from ${address} in time`, {
        ...options,
        hint: "check the coordinator, which may be overloaded or stopped. The call may have taken effect",
      });
    case status.RESOURCE_EXHAUSTED:
      return new ShardmillError("RESOURCE_EXHAUSTED", `${method} exceeds a limit: ${error.details}`, options);
    case status.UNIMPLEMENTED:
      return new ShardmillError("VERSION_SKEW", `the server at ${address} does not support ${method}`, {
        ...options,
        hint: "run the same version of shardmill on the coordinator and on its workers",
      });
    default:
      return new ShardmillError("RPC_FAILED", `${method} failed: ${error.details}`, {
        fields: { address, method, status: status[error.code] ?? error.code },
        cause: error,
      });
  }
}

/** Adds the file of the secret, which the coordinator does not know. */
function secretRefused({ address, credential }: FailedCall): ShardmillError {
  const { path, secret } = credential;
  const what =
    secret === null
      ? `requires a secret, and there is none in ${path}`
      : `does not know the secret in ${path}`;
  return new ShardmillError("SECRET_REFUSED", `the coordinator at ${address} ${what}`, {
    fields: { address, path },
    hint:
      "copy the secret file of the user who started it, and name it with --secret-file or " +
      "SHARDMILL_SECRET_FILE. Or ask that user for a token, and name it with --token-file or SHARDMILL_TOKEN",
  });
}

/** Adds the file or variable of the token, which the coordinator does not know. */
function tokenRefused({ code, message, hint, fields }: ShardmillError, call: FailedCall): ShardmillError {
  const { address, credential } = call;
  return new ShardmillError(code, message, {
    fields: { ...fields, address, path: credential.path },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** @param why the network's error, in lower case */
export function unreachable(address: string, why: string, cause?: unknown): ShardmillError {
  return new ShardmillError("COORDINATOR_UNREACHABLE", `no coordinator at ${address}: ${why}`, {
    fields: { address },
    hint: "start one with `shardmill coordinator --listen HOST:PORT`, or check the address and the network",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Detects refused certificates. grpc-js reports them as UNAVAILABLE, as if waiting would help. */
function isCertificateError(details: string): boolean {
  return /certificate|ERR_TLS_|SSL routines/i.test(details);
}

/**
 * Extracts the cause from `No connection established. Last error: Error: connect ECONNREFUSED ... Resolution
 * note: `.
 */
function reason(error: ServiceError): string {
  const [, said] = /Last error: (?:Error: )?(.*)$/s.exec(error.details) ?? [];
  return said?.split(". Resolution note:", 1)[0]?.trimEnd() ?? error.details;
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "number" &&
    "metadata" in error &&
    error.metadata instanceof Metadata &&
    "details" in error
  );
}

function serializeBounded(data: ErrorData): Buffer {
  let { problems } = data;
  let bytes = serializeError(data);
  while (bytes.length > MAX_TRAILER_BYTES && problems.length > 0) {
    problems = problems.slice(0, Math.floor(problems.length / 2));
    const left = data.problems.length - problems.length;
    const note = { where: "", what: `and ${left} more problems, too many to send` };
    bytes = serializeError({ ...data, problems: [...problems, note] });
  }
  if (bytes.length <= MAX_TRAILER_BYTES) return bytes;
  return serializeError({ code: data.code, message: headerText(data.message), fields: {}, problems: [] });
}

/**
 * Formats an error for `grpcurl` and similar clients: `the job file has 1 problem (SPEC_INVALID); input.path:
 * no such file; hint: ...`.
 */
function inWords({ message, code, problems, hint }: ErrorData): string {
  const problemTexts = problems.map(({ where, what, expected, found }) => {
    const facts = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(", ");
    return `${where === "" ? "" : `${where}: `}${what}${facts === "" ? "" : ` (${facts})`}`;
  });
  return [`${message} (${code})`, ...problemTexts, ...(hint === undefined ? [] : [`hint: ${hint}`])].join(
    "; ",
  );
}

/** Shortens a text, and replaces lone surrogates, on which grpc-js throws. */
function headerText(text: string): string {
  let shown = "";
  let bytes = 0;
  for (const character of text.slice(0, MAX_MESSAGE_BYTES).replace(/\p{Surrogate}/gu, "\ufffd")) {
    bytes += encodeURIComponent(character).length;
    if (bytes > MAX_MESSAGE_BYTES) break;
    shown += character;
  }
  return shown;
}

/**
 * Checks for an internal error, which no caller can cause. The server logs it in full and sends no details.
 */
export function isUnexpected(error: unknown): boolean {
  return !isShardmillError(error) || error.code === "INTERNAL";
}
