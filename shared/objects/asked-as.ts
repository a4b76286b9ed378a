import { isShardmillError, ShardmillError } from "../core/errors.ts";

/** A refusal, with who was refused: else nobody finds out which of many credentials were taken. */
export function askedAs(error: Error, identity: string): Error {
  if (!isShardmillError(error, "STORE_REFUSED")) return error;
  const { code, message, fields, hint, cause } = error;
  return new ShardmillError(code, `${message}; asked as ${identity}`, {
    fields: { ...fields, identity },
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
