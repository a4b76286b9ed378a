import { failed, judgedByStatus, PassingFailure } from "../../shared/http/failures.ts";
import type { Answer } from "../../shared/http/messages.ts";
import { boundedText } from "../object-store/problem.ts";

/** What the store says of a request that it did not do. */
interface GcsProblem {
  /** `rateLimitExceeded`; empty where the answer has none. */
  readonly reason: string;
  readonly message: string;
}

/** They become right by waiting, whatever their status. */
const PASSING = ["rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"];
/** Bytes that were damaged on their way: the same ones, sent once more, may come whole. */
const DAMAGED = /MD5|CRC32C/i;

/** @throws nothing: of what is no problem of the store's the status is what there is */
function problemOf({ body, headers }: Answer): GcsProblem {
  const text = Buffer.from(body).toString("utf8").trim();
  try {
    const { error } = JSON.parse(text);
    const reason = error?.errors?.[0]?.reason;
    return { reason: stringOf(reason), message: stringOf(error?.message) };
  } catch {
    // Where bytes were asked for, it is a line of text.
    const isLine = /^text\/(plain|html)/.test(headers["content-type"] ?? "") && !text.includes("<");
    return { reason: "", message: isLine ? boundedText(text) : "" };
  }
}

/** Whether bytes were not taken because they have another digest than came with them. */
export function isOfDigest(answer: Answer): boolean {
  return DAMAGED.test(problemOf(answer).message);
}

/** What follows from an answer that is not the one that was meant. */
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
  // Of a token, whatever is asked for.
  const isOfWhoAsks = reason === "authError";
  const fields = { status, reason, ...(isOfWhoAsks ? { variable: "GOOGLE_APPLICATION_CREDENTIALS" } : {}) };
  const what = `answers ${said.join(": ")}`;
  if (status === 404 || status === 410) return failed("STORE_NOT_FOUND", path, what, { fields });
  if (status !== 401 && status !== 403) return failed("STORE_FAILED", path, what, { fields });
  return failed("STORE_REFUSED", path, what, {
    fields,
    hint: "give who asks the role `roles/storage.objectViewer` of the bucket, or others credentials: GOOGLE_APPLICATION_CREDENTIALS",
  });
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? boundedText(value) : "";
}
