import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { type Refusal, refusedByTls } from "../broker/tls.ts";
import type { AmqpAddress } from "./address.ts";

/** Reply codes for a missing queue or missing rights. A retry cannot succeed. */
const REFUSALS = ["NOT_FOUND", "ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED"];
/** Error codes of a connection that closed before either peer had sent anything. */
const UNHEARD = ["CONN_CLOSE", "ECONNRESET"];

const DECLARE =
  "declare the queue, and let the address's user read and write it: Shardmill declares no queues";

export function isRefusal(error: unknown, address: AmqpAddress): boolean {
  return isShardmillError(error) || refusalOf(error, address) !== null;
}

function refusalOf(error: unknown, { options }: AmqpAddress): Refusal | null {
  const refused = refusedByTls(error, options);
  if (refused !== null) return refused;
  if (!REFUSALS.includes(errorCode(error) ?? "")) return null;
  // The library prefixes the method that the error replies to. A failed login has the prefix `undefined`.
  const [, method = "", what = ""] = /^(?:(\w+): )?(.*)$/s.exec(messageOf(error)) ?? [];
  if (method === "undefined")
    return {
      what,
      hint: "check user and password in the address, and write `/`, `@` and `:` as `%2F`, `%40` and `%3A`",
    };
  if (method === "ConnectionOpen")
    return {
      what,
      hint: "check the virtual host in the address, with `/` as `%2F`, and the user's permissions on it",
    };
  return { what: messageOf(error), hint: DECLARE };
}

/** @returns the cause itself when it is a `ShardmillError` */
export function queueFailed(address: AmqpAddress, cause: unknown): ShardmillError {
  if (isShardmillError(cause)) return cause;
  const { what, hint } = refusalOf(cause, address) ?? { what: messageOf(cause), hint: DECLARE };
  return failed(address, { what, hint }, cause);
}

/**
 * Explains a connection that closed before the broker had sent anything. Null: the error has another cause.
 */
export function refusedUnheard(address: AmqpAddress, cause: unknown): ShardmillError | null {
  if (!UNHEARD.includes(errorCode(cause) ?? "")) return null;
  const hint = address.isEncrypted
    ? "add `?certfile=/etc/client.pem&keyfile=/etc/client.key` to the address, if the broker requires a client certificate"
    : "write `amqps://` if the port speaks TLS";
  return failed(address, { what: "the broker closed the connection without a reply", hint }, cause);
}

function failed({ shown }: AmqpAddress, { what, hint }: Refusal, cause: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the queue cannot be used: ${what}`, {
    fields: { queue: shown },
    hint,
    cause,
  });
}
