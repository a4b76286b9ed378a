import { ERROR_CODES, type ErrorCode } from "../core/error-codes.ts";
import type { ErrorData, ErrorField, Problem } from "../core/errors.ts";
import { type FieldCodec, field } from "./field.ts";
import { messageDefinition } from "./load-protos.ts";
import { tableCodec } from "./table-codec.ts";
import { WireReader } from "./wire-message.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

/** Error code as text, not as an enum, because each version adds codes. */
const code: FieldCodec<ErrorCode> = {
  proto: "string",
  encode: (value) => value,
  decode: (message, name) => message.oneOf(name, CODES),
};

/** Fields of an error. Each value is a JSON scalar. */
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
  expected: field.orAbsent(field.text),
  found: field.orAbsent(field.text),
  hint: field.orAbsent(field.text),
  code: field.orAbsent(code),
});

/** Codec of errors. An unknown code is refused, because this build would not know how to handle it. */
export const errorCodec = tableCodec<ErrorData>("ErrorDetail", {
  code,
  message: field.text,
  hint: field.orAbsent(field.text),
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

/** Returns an ErrorDetail as bytes, for the trailer of a failed call. */
export function serializeError(error: ErrorData): Buffer {
  return errorDetail.serialize(errorCodec.encode(error));
}

/** @throws {RPC_FAILED} when `bytes` is not an error that this build knows */
export function deserializeError(bytes: Buffer): ErrorData {
  return errorCodec.decode(new WireReader(errorDetail.deserialize(bytes), "ErrorDetail"));
}
