import type { ErrorData, Problem } from "../core/errors.ts";
import type { DeviceReport } from "../domain/accuracy.ts";
import { isMessage, malformed, type WireMessage } from "./wire-message.ts";

/**
 * Limits of a request, by place, as in the proto files. Everything that a caller can make larger has a limit,
 * and a list without one is refused.
 *
 * Together with the limit of a message (4 MiB), these bound the cost of a call. The coordinator has one
 * thread for all calls.
 */
export interface RequestLimits {
  /** Limit of entries in a repeated field or map. */
  readonly items: Readonly<Record<string, number>>;
  /** Limit of characters in a text. `other` is for all other places. */
  readonly text: Readonly<Record<string, number>> & { readonly other: number };
}

export const REQUEST_LIMITS: RequestLimits = {
  items: {
    // A worker has a few leases for each of its threads. The coordinator knows its number of slots.
    "HeartbeatRequest.leases": 4_096,
    // At most as many as it has slots.
    "RequestLeaseRequest.running": 4_096,
    // One for each stage.
    "HeartbeatRequest.busy": 32,
    // See `MOST_STORES`.
    "HeartbeatRequest.stores": 64,
    // A model has a few outputs, and each reports its worst rows.
    "ReportDeviceRequest.report.accuracy.outputs": 1_024,
    "ReportDeviceRequest.report.accuracy.outputs.worst": 16,
    "FailAttemptRequest.error.fields": 64,
    "FailAttemptRequest.error.problems": 256,
    // More than fits on a command line, or than a job file uses.
    "SubmitJobRequest.jobFile.set": 1_000,
    "SubmitJobRequest.jobFile.variables": 1_000,
    // Rows, dead letters, and a table for each reduction with a combine.
    "OfferPartialRequest.partial.files": 1_024,
  },
  text: {
    // Message of a library or a database.
    "FailAttemptRequest.error.message": 65_536,
    "FailAttemptRequest.error.hint": 65_536,
    // List of labels, or a statement, from a command line.
    "SubmitJobRequest.jobFile.set": 65_536,
    "SubmitJobRequest.jobFile.variables": 65_536,
    // The text names a row by its file.
    "ReportDeviceRequest.report.refusal": 65_536,
    // Names, ids and digests. No supported system has longer paths.
    other: 4_096,
  },
};

/**
 * Checks all of a request against the limits, including fields that no codec reads.
 *
 * @param place place of the value, as in the limits
 * @throws {RPC_FAILED} when a limit is exceeded
 */
export function checkLimits(value: unknown, place: string, limits: RequestLimits): void {
  const { items, text } = limits;
  if (typeof value === "string") checkText(value, place, text[place] ?? text.other);
  else if (Array.isArray(value)) {
    checkItems(value.length, place, limits);
    for (const item of value) {
      if (isMessage(item)) checkFields(item, place, limits);
      else checkLimits(item, place, limits);
    }
  } else if (isMessage(value) && Object.hasOwn(items, place)) {
    const entries = Object.entries(value);
    checkItems(entries.length, place, limits);
    for (const [key, entry] of entries) {
      checkText(key, place, text.other);
      checkLimits(entry, place, limits);
    }
  } else if (isMessage(value)) checkFields(value, place, limits);
}

function checkFields(message: WireMessage, place: string, limits: RequestLimits): void {
  for (const [name, value] of Object.entries(message)) {
    // Most fields are numbers and short texts, and need no place.
    const mayBeMuch =
      typeof value === "string" ? value.length > limits.text.other : typeof value === "object";
    if (mayBeMuch) checkLimits(value, `${place}.${name}`, limits);
  }
}

function checkText(text: string, place: string, most: number): void {
  if (text.length > most) throw malformed(place, `is longer than ${most} characters`);
}

function checkItems(found: number, place: string, { items }: RequestLimits): void {
  const most = items[place] ?? 0;
  if (found > most) throw malformed(place, `has ${found} entries, more than ${most}`);
}

/** Cuts a failure from a worker to the limits, so that it is never refused for its size. */
export function withinLimits(error: ErrorData): ErrorData {
  const { items, text } = REQUEST_LIMITS;
  const most = text["FailAttemptRequest.error.message"];
  const fields = Object.entries(error.fields).slice(0, items["FailAttemptRequest.error.fields"]);
  return {
    code: error.code,
    message: cut(error.message, most),
    ...(error.hint === undefined ? {} : { hint: cut(error.hint, most) }),
    // Shorter, because a character may become six in JSON.
    fields: Object.fromEntries(
      fields.map(([name, value]) => [name, typeof value === "string" ? cut(value, 512) : value]),
    ),
    problems: error.problems.slice(0, items["FailAttemptRequest.error.problems"]).map(cutTexts),
  };
}

/** Cuts a device report from a worker to the limits. */
export function reportWithinLimits(report: DeviceReport): DeviceReport {
  const { items, text } = REQUEST_LIMITS;
  const most = items["ReportDeviceRequest.report.accuracy.outputs"];
  const { refusal, outputs } = report;
  return {
    ...report,
    outputs: outputs.slice(0, most),
    refusal: refusal === null ? null : cut(refusal, text["ReportDeviceRequest.report.refusal"]),
  };
}

/**
 * Limit of a problem's text. All problems together must fit in a message, because a failure that cannot be
 * sent is retried forever.
 */
const PROBLEM_CHARS = 512;

function cutTexts(problem: Problem): Problem {
  const { where, what, expected, found, hint, code } = problem;
  const short = (text: string) => cut(text, PROBLEM_CHARS);
  return {
    where: short(where),
    what: short(what),
    ...(expected === undefined ? {} : { expected: short(expected) }),
    ...(found === undefined ? {} : { found: short(found) }),
    ...(hint === undefined ? {} : { hint: short(hint) }),
    ...(code === undefined ? {} : { code }),
  };
}

function cut(text: string, most = REQUEST_LIMITS.text.other): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
