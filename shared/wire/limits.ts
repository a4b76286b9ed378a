import type { ErrorData, Problem } from "../core/errors.ts";
import type { DeviceReport } from "../domain/accuracy.ts";
import { isMessage, malformed, type WireMessage } from "./wire-message.ts";

/**
 * How much of each thing a caller may send: whatever grows with the caller's will has a bound here, and one
 * that is not named is refused. By its place in the request, as in the proto files.
 *
 * Together with the size of a message (4 MiB) this bounds what one call can cost: the coordinator has one
 * thread for all.
 */
export interface RequestLimits {
  /** Entries of a repeated field or a map. */
  readonly items: Readonly<Record<string, number>>;
  /** Characters of a text; `other` for those that are not named. */
  readonly text: Readonly<Record<string, number>> & { readonly other: number };
}

export const REQUEST_LIMITS: RequestLimits = {
  items: {
    // A worker has a few leases for each of its threads; the coordinator knows how many slots this one has.
    "HeartbeatRequest.leases": 4_096,
    // As many as it has slots, at most.
    "RequestLeaseRequest.running": 4_096,
    // One for each stage.
    "HeartbeatRequest.busy": 32,
    // See `MOST_STORES`.
    "HeartbeatRequest.stores": 64,
    // A model has a few outputs, and of each the worst rows are reported.
    "ReportDeviceRequest.report.accuracy.outputs": 1_024,
    "ReportDeviceRequest.report.accuracy.outputs.worst": 16,
    "FailAttemptRequest.error.fields": 64,
    "FailAttemptRequest.error.problems": 256,
    // More than a command line has, and than a job file has names for.
    "SubmitJobRequest.jobFile.set": 1_000,
    "SubmitJobRequest.jobFile.variables": 1_000,
    // Rows, dead letters, and a table for each reduction with a combine.
    "OfferPartialRequest.partial.files": 1_024,
  },
  text: {
    // What a library or a database said.
    "FailAttemptRequest.error.message": 65_536,
    "FailAttemptRequest.error.hint": 65_536,
    // A list of labels, or a statement, given on a command line.
    "SubmitJobRequest.jobFile.set": 65_536,
    "SubmitJobRequest.jobFile.variables": 65_536,
    // It names a row by its file.
    "ReportDeviceRequest.report.refusal": 65_536,
    // Names, ids and digests; a path is no longer on any system that we run on.
    other: 4_096,
  },
};

/**
 * Walks through a request, and refuses it where anything in it is more than a caller may send. Fields that no
 * codec reads are bounded, too.
 *
 * @param place of the value, as the limits name it
 * @throws {RPC_FAILED}
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
    // Most are numbers and short texts: no place is put together for these.
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

/**
 * What a worker says of a failure, within the limits: what was said at too great a length is cut, not lost.
 */
export function withinLimits(error: ErrorData): ErrorData {
  const { items, text } = REQUEST_LIMITS;
  const most = text["FailAttemptRequest.error.message"];
  const fields = Object.entries(error.fields).slice(0, items["FailAttemptRequest.error.fields"]);
  return {
    code: error.code,
    message: cut(error.message, most),
    ...(error.hint === undefined ? {} : { hint: cut(error.hint, most) }),
    // As JSON a text may be longer: a character may take six.
    fields: Object.fromEntries(
      fields.map(([name, value]) => [name, typeof value === "string" ? cut(value, 512) : value]),
    ),
    problems: error.problems.slice(0, items["FailAttemptRequest.error.problems"]).map(cutTexts),
  };
}

/** What a worker says of its device, within the limits. */
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

/** All problems together must fit into a message: a failure that cannot be sent is tried for ever. */
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
