import { createHash } from "node:crypto";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { jsonObject } from "../../shared/core/json-object.ts";
import { judgedByStatus, PassingFailure } from "../../shared/http/failures.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";
import type { Answer } from "../../shared/http/messages.ts";
import { StoreTally } from "../../shared/http/store-tally.ts";
import { loadAwsSettings, provideByConvention } from "../aws/conventions.ts";
import type { AwsCredentials } from "../aws/credentials.ts";
import { AwsSigner } from "../aws/signer.ts";
import { bodyOf } from "../object-store/bodies.ts";
import { CallCredentials } from "../object-store/call-credentials.ts";
import { CredentialCache } from "../object-store/credential-cache.ts";
import { boundedText } from "../object-store/problem.ts";
import { USER_AGENT } from "../object-store/store-engine.ts";
import type { SqsAddress } from "./address.ts";

/** Limit of concurrent requests: long polls, acknowledgements and lease extensions together. */
const AT_ONCE = 64;
/** Limit of a response. It has at most ten messages of a MiB each, as JSON. */
const MOST_ANSWER_BYTES = 128 << 20;

/** Error codes of temporary faults, throttling by the queue's key service included. */
const PASSING =
  /^(RequestThrottled|Throttling|KmsThrottled|OverLimit|InternalFailure|InternalError|ServiceUnavailable)/;
/** Settings to check, by the error code of a refused caller. */
const OF_WHO_ASKS: Readonly<Record<string, string>> = {
  ExpiredToken: "AWS_SESSION_TOKEN",
  ExpiredTokenException: "AWS_SESSION_TOKEN",
  InvalidClientTokenId: "AWS_ACCESS_KEY_ID",
  UnrecognizedClientException: "AWS_ACCESS_KEY_ID",
  InvalidSignatureException: "AWS_SECRET_ACCESS_KEY",
  SignatureDoesNotMatch: "AWS_SECRET_ACCESS_KEY",
};

/** Region in `https://sqs.REGION.amazonaws.com`, also with a VPC endpoint or FIPS. */
const REGION = /(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\.com/;

interface Connection {
  readonly engine: HttpEngine;
  readonly region: string;
  readonly credentials: CredentialCache<AwsCredentials>;
}

/** Client of SQS's JSON protocol, with the credentials of AWS's own tools. */
export class SqsClient implements Disposable {
  readonly address: SqsAddress;
  readonly #signer = new AwsSigner("sqs");
  readonly #closed = new AbortController();
  #connection: Promise<Connection> | null = null;

  constructor(address: SqsAddress) {
    this.address = address;
  }

  /**
   * Calls SQS, and retries temporary faults for some seconds.
   *
   * @param url URL of the queue
   * @throws {QUEUE_FAILED} when a retry cannot succeed
   * @throws {STORE_FAILED} when a later retry may succeed
   * @throws the signal's reason
   */
  async call(
    action: string,
    input: Readonly<Record<string, unknown>>,
    { url = this.address.url, signal }: { readonly url?: string; readonly signal: AbortSignal },
  ): Promise<Readonly<Record<string, unknown>>> {
    try {
      this.#connection ??= connect(url);
      const connection = await this.#connection;
      return await connection.engine.call(
        this.#requested(action, { QueueUrl: url, ...input }, connection),
        signal,
      );
    } catch (error) {
      if (isShardmillError(error, "STORE_REFUSED")) throw queueFailed(this.address, error.message, error);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#closed.abort(new Error("the client is closed"));
    this.#connection?.then(({ engine }) => engine[Symbol.dispose]()).catch(() => {});
  }

  #requested(action: string, input: object, { region, credentials }: Connection) {
    const path = this.address.shown;
    const asker = new CallCredentials(credentials, this.#closed.signal);
    const bytes = Buffer.from(JSON.stringify(input));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return {
      path,
      onMeant: () => asker.taken(),
      request: async () =>
        await this.#signer.sign(
          {
            method: "POST",
            url: rootOf(this.address.url),
            query: {},
            headers: {
              "content-type": "application/x-amz-json-1.0",
              "x-amz-target": `AmazonSQS.${action}`,
              "user-agent": USER_AGENT,
            },
            sha256,
            body: bodyOf(bytes),
          },
          { credentials: await asker.next(), region },
        ),
      open: ({ status }: { readonly status: number }) => (status === 200 ? answerReader() : null),
      judge: (answer: Answer) => {
        const error = this.#judged(answer);
        const { used } = asker;
        return used === null
          ? error
          : asker.judge(error, `access key ${used.accessKeyId}`, isExpired(answer));
      },
    };
  }

  #judged(answer: Answer): Error {
    const { code, message } = problemOf(answer);
    const byStatus = judgedByStatus(this.address.shown, answer);
    if (byStatus instanceof PassingFailure) return byStatus;
    if (PASSING.test(code)) return new PassingFailure(`answers ${code}`, { isThrottled: true });
    const variable = OF_WHO_ASKS[code];
    const storeMs = Date.parse(answer.headers.date ?? "");
    if (variable === "AWS_SECRET_ACCESS_KEY" && /expired|not yet current/i.test(message) && storeMs > 0) {
      this.#signer.correctClock(storeMs);
      return new PassingFailure("no longer accepts the signature");
    }
    const said = `answers ${code} (${answer.status})${message === "" ? "" : `: ${message}`}`;
    if (variable === undefined) return queueFailed(this.address, said);
    return new ShardmillError("STORE_REFUSED", said, { fields: { variable, reason: code } });
  }
}

/** Returns the root URL of the service, which takes the calls for all queues. */
function rootOf(queueUrl: string): URL {
  return new URL("../../", `${queueUrl}/`);
}

async function connect(queueUrl: string): Promise<Connection> {
  const { region, ca } = await loadAwsSettings("SQS", process.env);
  return {
    // A queue is not a store, so its requests have a tally of their own.
    engine: new HttpEngine({
      atOnce: AT_ONCE,
      tally: new StoreTally(),
      ...(ca === null ? {} : { caOf: () => ca }),
    }),
    region: REGION.exec(new URL(queueUrl).hostname)?.[1] ?? region,
    credentials: new CredentialCache(provideByConvention("SQS")),
  };
}

function answerReader() {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk: Uint8Array) {
      bytes += chunk.length;
      if (bytes > MOST_ANSWER_BYTES) throw new PassingFailure("sent a response over the size limit");
      chunks.push(Uint8Array.from(chunk));
      return "more" as const;
    },
    end: () => jsonObject(Buffer.concat(chunks).toString("utf8")) ?? {},
  };
}

/** Parses an error such as `com.amazonaws.sqs#QueueDoesNotExist`, and its message. */
function problemOf({ body }: Answer): { readonly code: string; readonly message: string } {
  const { __type: type, message, Message } = jsonObject(Buffer.from(body).toString("utf8")) ?? {};
  const said = message ?? Message;
  return {
    code: typeof type === "string" ? boundedText(type.replace(/^.*#/, "")) : "",
    message: typeof said === "string" ? boundedText(said) : "",
  };
}

function isExpired(answer: Answer): boolean {
  return OF_WHO_ASKS[problemOf(answer).code] === "AWS_SESSION_TOKEN";
}

export function queueFailed({ shown }: SqsAddress, what: string, cause?: unknown): ShardmillError {
  return new ShardmillError("QUEUE_FAILED", `the queue cannot be used: ${what}`, {
    fields: { queue: shown },
    hint: "create the queue: Shardmill creates none. Allow this machine's credentials ReceiveMessage, DeleteMessage and ChangeMessageVisibility, or SendMessage to send",
    ...(cause === undefined ? {} : { cause }),
  });
}
