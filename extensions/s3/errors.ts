import type { ErrorCode } from "../../shared/core/error-codes.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { failed, judgedByStatus, PassingFailure } from "../../shared/http/failures.ts";
import type { Answer } from "../../shared/http/messages.ts";
import type { StoreProblem } from "../object-store/problem.ts";

const MISSING = ["NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NoSuchUpload"];
/** Error codes of temporary faults, for which a retry may succeed. */
const PASSING = [
  "BadDigest",
  "ConditionalRequestConflict",
  "InternalError",
  "OperationAborted",
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "XAmzContentSHA256Mismatch",
];
/** Error codes of expired credentials. */
const EXPIRED = ["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"];

/** Settings to check, by the error code of a refused caller. The error holds for every request. */
const OF_WHO_ASKS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(EXPIRED.map((code) => [code, "AWS_SESSION_TOKEN"])),
  InvalidAccessKeyId: "AWS_ACCESS_KEY_ID",
  SignatureDoesNotMatch: "AWS_SECRET_ACCESS_KEY",
  RequestTimeTooSkewed: "clock",
};

const OTHER_REGION = "the bucket is in another region: set AWS_REGION to its region";

/** Hints by error code. The error holds for every object and every attempt. */
const HINTS: Readonly<Record<string, string>> = {
  AuthorizationHeaderMalformed: OTHER_REGION,
  IllegalLocationConstraintException: OTHER_REGION,
  PermanentRedirect: OTHER_REGION,
  TemporaryRedirect:
    "AWS redirects requests for a new bucket to its region: set AWS_REGION to that, or wait some hours",
  InvalidBucketName: "no bucket of this store is called so: check its name",
  KeyTooLongError: "no key of this store is so long: call the object otherwise",
  InvalidAccessKeyId: "the store does not know the access key: check AWS_PROFILE, or AWS_ACCESS_KEY_ID",
  SignatureDoesNotMatch:
    "the secret key is not that of the access key: check AWS_PROFILE, or AWS_SECRET_ACCESS_KEY",
  InvalidObjectState: "the object is in an archive: restore it first",
  RequestTimeTooSkewed: "this machine's clock is wrong",
};

export function isExpired({ code }: StoreProblem): boolean {
  return EXPIRED.includes(code);
}

/** Returns the error for an unexpected response. */
export function judgedByProblem(path: string, answer: Answer, problem: StoreProblem): Error {
  const { code, message } = problem;
  const { status } = answer;
  const byStatus = judgedByStatus(path, answer);
  if (code === "" || byStatus instanceof PassingFailure) return named(byStatus, code);
  if (PASSING.includes(code))
    return new PassingFailure(`answers ${code}`, { isThrottled: code === "SlowDown" });
  const hint = HINTS[code];
  const variable = OF_WHO_ASKS[code];
  return failed(codeOf(code, status), path, `answers ${code} (${status}): ${message}`, {
    fields: { status, reason: code, ...(variable === undefined ? {} : { variable }) },
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * Returns the error for an unexpected response to HEAD, which has no body. Another region gives 301 or 400,
 * and an invalid name gives 400. A retry would not help.
 */
export function judgedHead(path: string, answer: Answer): Error {
  const error = judgedByStatus(path, answer);
  if (!isShardmillError(error, "STORE_FAILED")) return error;
  const { status } = answer;
  return failed("STORE_REFUSED", path, `answers ${status}`, {
    fields: { status },
    hint: "check the names of bucket and object, and that AWS_REGION is the region of the bucket",
  });
}

function named(error: Error, code: string): Error {
  if (!(error instanceof PassingFailure) || code === "") return error;
  const { message, isThrottled, afterMs } = error;
  return new PassingFailure(`${message} (${code})`, { isThrottled, afterMs });
}

function codeOf(code: string, status: number): ErrorCode {
  if (MISSING.includes(code)) return "STORE_NOT_FOUND";
  return status === 401 || status === 403 || HINTS[code] !== undefined || EXPIRED.includes(code)
    ? "STORE_REFUSED"
    : "STORE_FAILED";
}
