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

const OTHER_REGION = "set AWS_REGION to the region of the bucket";

/** Hints by error code. The error holds for every object and every attempt. */
const HINTS: Readonly<Record<string, string>> = {
  AuthorizationHeaderMalformed: OTHER_REGION,
  IllegalLocationConstraintException: OTHER_REGION,
  PermanentRedirect: OTHER_REGION,
  TemporaryRedirect:
    "set AWS_REGION to the region of the new bucket, or wait some hours: AWS still redirects its requests",
  InvalidBucketName: "check the bucket's name: it is invalid",
  KeyTooLongError: "choose a shorter key: this one is too long for the store",
  InvalidAccessKeyId: "check AWS_PROFILE or AWS_ACCESS_KEY_ID: the store does not know the access key",
  SignatureDoesNotMatch:
    "check AWS_PROFILE or AWS_SECRET_ACCESS_KEY: the secret key does not match the access key",
  InvalidObjectState: "restore the object first: it is archived",
  RequestTimeTooSkewed: "correct this machine's clock",
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
