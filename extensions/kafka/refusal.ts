import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { type Refusal, refusedByTls } from "../broker/tls.ts";
import type { KafkaAddress } from "./address.ts";

const MAKE =
  "create the topic, and let the address's user read it with its group, or write to it. Shardmill creates no topics";
const WHO =
  "check user, password and `sasl` in the address, and write `/`, `@` and `:` as `%2F`, `%40` and `%3A`";

/** Hints by reply code, for a missing topic or missing rights. A retry cannot succeed. */
const REFUSALS: Readonly<Record<string, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: MAKE,
  INVALID_TOPIC_EXCEPTION: MAKE,
  TOPIC_AUTHORIZATION_FAILED: MAKE,
  GROUP_AUTHORIZATION_FAILED: MAKE,
  CLUSTER_AUTHORIZATION_FAILED: MAKE,
  SASL_AUTHENTICATION_FAILED: WHO,
  UNSUPPORTED_SASL_MECHANISM: `choose another \`sasl\`, which the broker supports. Also ${WHO}`,
  ILLEGAL_SASL_STATE:
    "name another port, or remove the user from the address: this port authenticates no users",
  MESSAGE_TOO_LARGE: MAKE,
  RECORD_LIST_TOO_LARGE: MAKE,
};

/** Fields of the library's errors, with the broker's reply. */
interface KafkaError {
  readonly code?: unknown;
  readonly apiId?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** Returns true when a retry cannot succeed. */
export function isRefusal(error: unknown, address: KafkaAddress): boolean {
  return isShardmillError(error) || refusalOf(error, address) !== null;
}

function refusalOf(error: unknown, { options }: KafkaAddress): Refusal | null {
  for (const each of familyOf(error)) {
    const refused = refusedByTls(each, options);
    if (refused !== null) return refused;
    const { code, apiId, serverErrorMessage: said } = each as KafkaError;
    const hint = REFUSALS[String(apiId)];
    if (hint !== undefined)
      return { what: `${String(apiId)}: ${plain(said ? String(said) : messageOf(each))}`, hint };
    // The library reports errors that brokers do not know by its own messages.
    if (code !== "PLT_KFK_USER") continue;
    if (/^Unknown topic/.test(messageOf(each))) return { what: plain(messageOf(each)), hint: MAKE };
    if (/^TLS handshake failed/.test(messageOf(each)))
      return {
        what: "the broker does not speak TLS on this port",
        hint: "use a port that does. Without `tls=true`, messages and a `plain` password would be sent unencrypted",
      };
  }
  return null;
}

/**
 * Explains a failure of brokers that close every connection before any reply. Null: the error has another
 * cause.
 */
export function refusedUnheard(error: unknown, address: KafkaAddress): ShardmillError | null {
  const last = [...familyOf(error)].filter((each) => !isFamily(each));
  if (last.length === 0 || !last.every((each) => /^Connection closed/.test(messageOf(each)))) return null;
  const hint =
    "add what the port requires: `tls=true` for TLS, a user and `sasl` for a login, `certfile` and `keyfile` for a client certificate";
  const refusal = { what: "the brokers close each connection without a reply", hint };
  return failed(address, refusal, error);
}

/** @returns the cause itself when it is a `ShardmillError` */
export function kafkaFailed(address: KafkaAddress, cause: unknown): ShardmillError {
  if (isShardmillError(cause)) return cause;
  return failed(address, refusalOf(cause, address) ?? { what: reasonOf(cause), hint: MAKE }, cause);
}

/** Describes a failure in messages: the attempts, and the last error. */
function reasonOf(error: unknown): string {
  const said = [messageOf(error)];
  for (let next = firstCause(error); next !== undefined; next = firstCause(next)) said.push(messageOf(next));
  return [...new Set(said.map(plain))].join(": ");
}

function failed({ shown }: KafkaAddress, { what, hint }: Refusal, cause: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the topic cannot be used: ${what}`, {
    fields: { queue: shown },
    hint,
    cause,
  });
}

/** Returns an error and all its causes. The library nests the broker's reply several causes deep. */
function* familyOf(error: unknown): Generator<unknown> {
  yield error;
  const { cause, errors = [] } = (error ?? {}) as KafkaError;
  if (cause !== undefined) yield* familyOf(cause);
  for (const each of errors) yield* familyOf(each);
}

function isFamily(error: unknown): boolean {
  return firstCause(error) !== undefined;
}

function firstCause(error: unknown): unknown {
  const { cause, errors } = (error ?? {}) as KafkaError;
  return cause ?? errors?.[0];
}

function plain(said: string): string {
  return said.replace(/\.$/, "");
}
