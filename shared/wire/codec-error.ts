import {
  ERROR_CODES,
  type ErrorCode,
  type ErrorData,
  type ErrorField,
  type Problem,
} from "../core/errors.ts";
import { messageDefinition } from "./load-protos.ts";
import { type Codec, WireReader } from "./wire-message.ts";

/**
 * An error as data. A code that this build does not know is refused: it would not know what to do about it.
 */
export const errorCodec: Codec<ErrorData> = {
  encode: ({ code, message, fields, problems, hint }) => ({
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)])),
    problems: problems.map(problemCodec.encode),
  }),
  decode(message) {
    const hint = message.optionalText("hint");
    return {
      code: message.oneOf("code", CODES),
      message: message.text("message"),
      ...(hint === undefined ? {} : { hint }),
      fields: Object.fromEntries(
        message.entries("fields").map(([name, value]) => [name, decodeField(message, name, value)]),
      ),
      problems: message.list("problems").map(problemCodec.decode),
    };
  },
};

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

function decodeField(message: WireReader, name: string, json: unknown): ErrorField {
  const value = parseJson(json);
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    default:
      return value === null ? null : message.fail(`fields.${name}`, "is not a JSON scalar");
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

const problemCodec: Codec<Problem> = {
  encode: ({ where, what, expected, found, hint }) => ({
    where,
    what,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(hint === undefined ? {} : { hint }),
  }),
  decode(message) {
    const expected = message.optionalText("expected");
    const found = message.optionalText("found");
    const hint = message.optionalText("hint");
    return {
      where: message.text("where"),
      what: message.text("what"),
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
      ...(hint === undefined ? {} : { hint }),
    };
  },
};

const errorDetail = messageDefinition("ErrorDetail");

/** The bytes of an ErrorDetail, as the trailer of a failed call carries them. */
export function serializeError(error: ErrorData): Buffer {
  return errorDetail.serialize(errorCodec.encode(error));
}

/** @throws {RPC_FAILED} when `bytes` is no error that this build knows */
export function deserializeError(bytes: Buffer): ErrorData {
  return errorCodec.decode(new WireReader(errorDetail.deserialize(bytes), "ErrorDetail"));
}
