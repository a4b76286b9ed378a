import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { parseSqs } from "../../extensions/sqs/address.ts";
import { SqsClient } from "../../extensions/sqs/client.ts";
import { SqsSink } from "../../extensions/sqs/sink.ts";
import { SqsSource } from "../../extensions/sqs/source.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { createLogger } from "../../shared/core/log.ts";

interface Requested {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly headers: IncomingHttpHeaders;
}
interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Faults that no real server has on request: failed parts of a batch, throttling, refusals. */
describe("SQS with faults", () => {
  let server: Server;
  let requested: Requested[];
  let answer: (requested: Requested) => Answered;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
        const one = { action, input: JSON.parse(Buffer.concat(chunks).toString()), headers: request.headers };
        requested.push(one);
        const { status = 200, headers = {}, body } = answer(one);
        response.writeHead(status, headers).end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    requested = [];
    vi.stubEnv("AWS_ACCESS_KEY_ID", "someone");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "a-secret-of-someone");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const address = () => {
    const { port } = server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/123/rows`;
  };
  const clientOf = (text: string) => new SqsClient(present(parseSqs(text), "an address of SQS"));
  const of = (action: string) => requested.filter((one) => one.action === action);
  const idsOf = ({ input }: Requested) =>
    (input.Entries as readonly { readonly Id: string }[]).map(({ Id }) => Id);
  const refusal = (type: string, message = "no"): Answered => ({
    status: 400,
    body: { __type: `com.amazonaws.sqs#${type}`, message },
  });
  const source = () =>
    new SqsSource(address(), { mostOpen: 10, deadLetters: null, log: createLogger("sqs", "silent") });
  const messages = [0, 1, 2].map((id) => ({
    MessageId: `m${id}`,
    ReceiptHandle: `r${id}`,
    Body: "{}",
    Attributes: { ApproximateReceiveCount: "1", SentTimestamp: "5" },
  }));

  test("a failed deletion is retried, unless SQS refused it for good", async () => {
    let deletes = 0;
    answer = ({ action }) => {
      if (action === "ReceiveMessage") return { body: requested.length === 1 ? { Messages: messages } : {} };
      if (action !== "DeleteMessageBatch") return { body: {} };
      deletes += 1;
      const failed = { Id: "1", SenderFault: false, Code: "InternalError" };
      const refused = { Id: "2", SenderFault: true, Code: "ReceiptHandleIsInvalid" };
      return { body: deletes === 1 ? { Failed: [failed, refused] } : {} };
    };
    await using queue = source();
    const deliveries = queue.deliveries(new AbortController().signal);
    const taken = [];
    while (taken.length < 3) taken.push((await deliveries.next()).value ?? null);
    await queue.done(taken.filter((delivery) => delivery !== null));
    expect(of("DeleteMessageBatch").map(idsOf)).toEqual([["0", "1", "2"], ["1"]]);
    // These deliveries are no longer open, so the client sends no request.
    await queue.done(taken.filter((delivery) => delivery !== null));
    expect(deletes).toBe(2);
  });

  test("a throttled or unavailable request is retried", async () => {
    const troubles = [refusal("RequestThrottled"), { status: 503, body: {} }, refusal("OverLimit")];
    answer = () => troubles.shift() ?? { body: { Attributes: {} } };
    using client = clientOf(address());
    await client.call("GetQueueAttributes", {}, { signal: NEVER });
    expect(requested).toHaveLength(4);
  });

  test("a refused request fails at once with the error type of SQS and without the secret", async () => {
    for (const type of [
      "AccessDeniedException",
      "QueueDoesNotExist",
      "InvalidClientTokenId",
      "SignatureDoesNotMatch",
    ]) {
      requested = [];
      answer = () => refusal(type, "not for you");
      using client = clientOf(address());
      const error: unknown = await client
        .call("ReceiveMessage", {}, { signal: NEVER })
        .catch((failed: unknown) => failed);
      expect(error).toMatchObject({ code: "QUEUE_FAILED" });
      expect(String(error)).toContain(type);
      expect(JSON.stringify(error)).not.toContain("a-secret-of-someone");
      expect(requested).toHaveLength(1);
    }
  });

  test("a request with an expired signature is retried with the server's clock", async () => {
    const storeMs = Date.now() + 3_600_000;
    answer = () =>
      requested.length > 1
        ? { body: {} }
        : {
            ...refusal("InvalidSignatureException", "Signature expired: it is now earlier than then"),
            headers: { date: new Date(storeMs).toUTCString() },
          };
    using client = clientOf(address());
    await client.call("ReceiveMessage", {}, { signal: NEVER });
    const signed = requested.map(({ headers }) =>
      Date.parse(String(headers["x-amz-date"]).replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5")),
    );
    expect((signed[1] ?? 0) - (signed[0] ?? 0)).toBeGreaterThan(3_000_000);
  });

  test("a batch has at most ten messages and 256 KiB, and characters that XML lacks are escaped", async () => {
    answer = () => ({ body: {} });
    await using sink = new SqsSink(address());
    const small = Array.from({ length: 12 }, (_, id) => ({
      messageId: `s${id}`,
      body: Buffer.from('"\ufffe"'),
    }));
    const large = Array.from({ length: 3 }, (_, id) => ({
      messageId: `l${id}`,
      body: Buffer.alloc(100 << 10, "a"),
    }));
    await sink.send(small);
    expect(of("SendMessageBatch").map((one) => idsOf(one).length)).toEqual([10, 2]);
    expect(of("SendMessageBatch")[0]?.input.Entries).toMatchObject([
      { MessageBody: '"\\ufffe"' },
      ...new Array(9).fill({}),
    ]);
    requested = [];
    await sink.send(large);
    expect(
      of("SendMessageBatch")
        .map((one) => idsOf(one).length)
        .sort(),
    ).toEqual([1, 2]);
  });
});
