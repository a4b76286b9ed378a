import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { type Refusal, refusedByTls } from "../broker/tls.ts";
import type { KafkaAddress } from "./address.ts";

const MAKE =
  "topics are not made by Shardmill: make it first, and let the user of the address read it with its group (of one that is sent to: write it)";
const WHO =
  "check user, password and `sasl` in the address; `/`, `@` and `:` are written `%2F`, `%40`, `%3A`";

/** Hints by reply code, for a missing topic or missing rights. A retry cannot succeed. */
const REFUSALS: Readonly<Record<string, string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: MAKE,
  INVALID_TOPIC_EXCEPTION: MAKE,
  TOPIC_AUTHORIZATION_FAILED: MAKE,
  GROUP_AUTHORIZATION_FAILED: MAKE,
  CLUSTER_AUTHORIZATION_FAILED: MAKE,
  SASL_AUTHENTICATION_FAILED: WHO,
  UNSUPPORTED_SASL_MECHANISM: `the broker takes another \`sasl\`; ${WHO}`,
  ILLEGAL_SASL_STATE:
    "this port of the broker takes no user: name another, or leave the user out of the address",
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
        hint: "take one that does; without `tls=true`, messages and a password by `plain` would be in the clear",
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
    "a port that speaks TLS wants `tls=true`, one with users wants one in the address, and `sasl`; one that knows its clients by certificates wants `certfile` and `keyfile`, of a CA that it trusts";
  const refusal = { what: "the brokers end each connection without a word", hint };
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
