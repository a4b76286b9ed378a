import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { AuditLog } from "../../coordinator/access/audit-log.ts";
import { CallRates } from "../../coordinator/access/call-rates.ts";
import { guardInterceptor } from "../../coordinator/access/guard.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { dataMethods } from "../../shared/wire/methods-data.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { until } from "../support/wire-rig.ts";

/**
 * Starts a server with one method that sends chunks without end. `readerMs`: limit for a reader that stalls.
 */
async function endlessServer(readerMs: number) {
  // Like the real server: the interceptor that checks the secret wraps each call.
  const guard = guardInterceptor(TEST_GUARD, {
    report: () => {},
    audit: new AuditLog(null, silentLogger),
    tlsListener: null,
    rates: new CallRates(() => 0),
  });
  const server = new Server({ interceptors: [guard] });
  const seen = { sent: 0, open: 0 };
  async function* endless(): AsyncGenerator<Uint8Array> {
    seen.open += 1;
    try {
      for (;;) {
        seen.sent += 1;
        yield new Uint8Array(512 * 1024);
      }
    } finally {
      seen.open -= 1;
    }
  }
  const { definition } = dataMethods.readRange;
  const patience = { lookMs: readerMs, mostMs: () => readerMs };
  server.addService(
    { ReadRange: definition },
    { ReadRange: serveServerStream(dataMethods.readRange, endless, () => {}, patience) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    seen,
    read: () =>
      client.makeServerStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        { session: "s", jobId: "j", path: "/a", start: 0, end: 1 },
        authorization(TEST_CREDENTIAL),
      ),
    async [Symbol.asyncDispose]() {
      client.close();
      server.forceShutdown();
    },
  };
}

test("a stalled reader is disconnected, and its stream on the server ends", async () => {
  await using rig = await endlessServer(3_000);
  const call = rig.read();
  const ended = new Promise<unknown>((resolve) => call.on("error", resolve));
  const chunks = call[Symbol.asyncIterator]();
  await chunks.next();
  expect(rig.seen.open).toBe(1);
  await until(() => rig.seen.open === 0);
  // The server ran ahead by the buffers of HTTP/2 and the client, and no further.
  expect(rig.seen.sent).toBeLessThan(64);
  void chunks.next().catch(() => {});
  call.resume();
  // 1: cancelled. 8: exhausted, which is the code for a reset with the reason "be calm".
  expect(await ended).toMatchObject({ code: expect.toSatisfy((code) => code === 1 || code === 8) });
});

test("a slow reader that keeps reading is served", async () => {
  await using rig = await endlessServer(15_000);
  const call = rig.read();
  call.on("error", () => {});
  let chunks = 0;
  for await (const _chunk of call) {
    chunks += 1;
    if (chunks === 20) break;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  expect(chunks).toBe(20);
});
