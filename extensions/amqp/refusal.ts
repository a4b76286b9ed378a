import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { type Refusal, refusedByTls } from "../broker/tls.ts";
import type { AmqpAddress } from "./address.ts";

/** What a broker says of what is not there, or is not for us: that does not mend itself. */
const REFUSALS = ["NOT_FOUND", "ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED"];
/** Ends of connections of which neither side has said a word. */
const UNHEARD = ["CONN_CLOSE", "ECONNRESET"];

const DECLARE =
  "queues are not made by Shardmill: declare it first, and let the user of the address read and write it";

export function isRefusal(error: unknown, address: AmqpAddress): boolean {
  return isShardmillError(error) || refusalOf(error, address) !== null;
}

function refusalOf(error: unknown, { options }: AmqpAddress): Refusal | null {
  const refused = refusedByTls(error, options);
  if (refused !== null) return refused;
  if (!REFUSALS.includes(errorCode(error) ?? "")) return null;
  // The library puts in front to which method it is the answer; to none that it knows of, in a login.
  const [, method = "", what = ""] = /^(?:(\w+): )?(.*)$/s.exec(messageOf(error)) ?? [];
  if (method === "undefined")
    return {
      what,
      hint: "check user and password in the address; `/`, `@` and `:` are written `%2F`, `%40`, `%3A`",
    };
  if (method === "ConnectionOpen")
    return {
      what,
      hint: "check the virtual host in the address, of which `/` is written `%2F`, and the user's rights there",
    };
  return { what: messageOf(error), hint: DECLARE };
}

/** @returns the cause, where it is one of ours */
export function queueFailed(address: AmqpAddress, cause: unknown): ShardmillError {
  if (isShardmillError(cause)) return cause;
  const { what, hint } = refusalOf(cause, address) ?? { what: messageOf(cause), hint: DECLARE };
  return failed(address, { what, hint }, cause);
}

/** Of a broker that was never heard: null where that is not what happened. */
export function refusedUnheard(address: AmqpAddress, cause: unknown): ShardmillError | null {
  if (!UNHEARD.includes(errorCode(cause) ?? "")) return null;
  const hint = address.isEncrypted
    ? "a broker that knows its clients by certificates wants `?certfile=/etc/client.pem&keyfile=/etc/client.key`, of a CA that it trusts"
    : "a port that speaks TLS wants `amqps://`";
  return failed(address, { what: "the broker closed the connection before it said anything", hint }, cause);
}

function failed({ shown }: AmqpAddress, { what, hint }: Refusal, cause: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the queue cannot be used: ${what}`, {
    fields: { queue: shown },
    hint,
    cause,
  });
}
