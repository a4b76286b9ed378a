import { ERROR_CODES, type ErrorCode } from "../core/error-codes.ts";
import type { ErrorData, ErrorField, Problem } from "../core/errors.ts";
import { type FieldCodec, field } from "./field.ts";
import { messageDefinition } from "./load-protos.ts";
import { tableCodec } from "./table-codec.ts";
import { WireReader } from "./wire-message.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

/** A text and no enum: its words are those of the error itself, and more of them come with every version. */
const code: FieldCodec<ErrorCode> = {
  proto: "string",
  encode: (value) => value,
  decode: (message, name) => message.oneOf(name, CODES),
};

/** Each value as a JSON scalar. */
const facts: FieldCodec<ErrorData["fields"]> = {
  proto: "map<string, string>",
  encode: (fields) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)])),
  decode: (message, name) =>
    Object.fromEntries(
      message.entries(name).map(([key, value]) => [key, decodeFact(message, `${name}.${key}`, value)]),
    ),
};

const problem = tableCodec<Problem>("Problem", {
  where: field.text,
  what: field.text,
  expected: field.orLeftOut(field.text),
  found: field.orLeftOut(field.text),
  hint: field.orLeftOut(field.text),
  code: field.orLeftOut(code),
});

/**
 * An error as data. A code that this build does not know is refused: it would not know what to do about it.
 */
export const errorCodec = tableCodec<ErrorData>("ErrorDetail", {
  code,
  message: field.text,
  hint: field.orLeftOut(field.text),
  fields: facts,
  problems: field.list(problem),
});

function decodeFact(message: WireReader, place: string, json: unknown): ErrorField {
  const value = parseJson(json);
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    default:
      return value === null ? null : message.fail(place, "is not a JSON scalar");
  }
}

function parseJson(json: unknown): unknown {
  if (typeof json !== "string") return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const errorDetail = messageDefinition("ErrorDetail");

/** The bytes of an ErrorDetail, as the trailer of a failed call carries them. */
export function serializeError(error: ErrorData): Buffer {
  return errorDetail.serialize(errorCodec.encode(error));
}

/** @throws {RPC_FAILED} when `bytes` is no error that this build knows */
export function deserializeError(bytes: Buffer): ErrorData {
  return errorCodec.decode(new WireReader(errorDetail.deserialize(bytes), "ErrorDetail"));
}
