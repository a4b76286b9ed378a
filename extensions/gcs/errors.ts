import { failed, judgedByStatus, PassingFailure } from "../../shared/http/failures.ts";
import type { Answer } from "../../shared/http/messages.ts";
import { boundedText } from "../object-store/problem.ts";

/** Error of a refused request. */
interface GcsProblem {
  /** Reason such as `rateLimitExceeded`. Empty: the response has none. */
  readonly reason: string;
  readonly message: string;
}

/** Reasons of temporary faults, whatever their status. */
const PASSING = ["rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"];
/** Pattern of messages about damaged bytes. A retry may send them intact. */
const DAMAGED = /MD5|CRC32C/i;

/** Parses the error in a response. Never throws. A response without one gives an empty reason. */
function problemOf({ body, headers }: Answer): GcsProblem {
  const text = Buffer.from(body).toString("utf8").trim();
  try {
    const { error } = JSON.parse(text);
    const reason = error?.errors?.[0]?.reason;
    return { reason: stringOf(reason), message: stringOf(error?.message) };
  } catch {
    // Requests for bytes get the error as a line of text.
    const isLine = /^text\/(plain|html)/.test(headers["content-type"] ?? "") && !text.includes("<");
    return { reason: "", message: isLine ? boundedText(text) : "" };
  }
}

/** Returns true when the store refused bytes that do not match their digest. */
export function isOfDigest(answer: Answer): boolean {
  return DAMAGED.test(problemOf(answer).message);
}

/** Returns the error for an unexpected response. */
export function judgedByProblem(path: string, answer: Answer): Error {
  const { reason, message } = problemOf(answer);
  const { status } = answer;
  if (PASSING.includes(reason))
    return new PassingFailure(`answers ${reason}`, { isThrottled: /rateLimit/i.test(reason) });
  const error = judgedByStatus(path, answer);
  if (error instanceof PassingFailure) return error;
  if (status === 400 && isOfDigest(answer)) return new PassingFailure(`answers 400: ${message}`);
  const said = [reason === "" ? String(status) : `${reason} (${status})`, message].filter(
    (part) => part !== "",
  );
  // The token is refused for every request.
  const isOfWhoAsks = reason === "authError";
  const fields = { status, reason, ...(isOfWhoAsks ? { variable: "GOOGLE_APPLICATION_CREDENTIALS" } : {}) };
  const what = `answers ${said.join(": ")}`;
  if (status === 404 || status === 410) return failed("STORE_NOT_FOUND", path, what, { fields });
  if (status !== 401 && status !== 403) return failed("STORE_FAILED", path, what, { fields });
  return failed("STORE_REFUSED", path, what, {
    fields,
    hint: "give the caller the bucket's role `roles/storage.objectViewer`, or set GOOGLE_APPLICATION_CREDENTIALS to other credentials",
  });
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? boundedText(value) : "";
}
