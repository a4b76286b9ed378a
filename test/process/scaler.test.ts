import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { METHOD_CALLERS } from "../../coordinator/access/method-callers.ts";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import type { Role } from "../../shared/access/roles.ts";
import { present } from "../../shared/core/assert.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { TEST_GUARD } from "../support/access.ts";
import { fakeServices } from "../support/fake-services.ts";
import { compiledRegistry } from "../support/reflection-client.ts";
import { collect, failureOf } from "../support/wire-rig.ts";

const SERVICE = "externalscaler.ExternalScaler";
const METHODS = ["IsActive", "StreamIsActive", "GetMetricSpec", "GetMetrics"];

let folder: string;
let open: number;
let server: RunningServer;
let client: Client;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-scaler-"));
  open = 25;
  server = await startServer({
    listen: "127.0.0.1:0",
    services: fakeServices(),
    jobs: () => [{ openShards: open, description: { device: "auto" } }],
    guard: { ...TEST_GUARD, tokensPath: join(folder, "tokens") },
    log: silentLogger,
  });
  client = new Client(server.address, credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await server.close(0);
  await rm(folder, { recursive: true, force: true });
});

async function tokenFor(role: Role, { isRevoked = false } = {}): Promise<string> {
  const now = new Date().toISOString();
  const { text, line } = makeToken({ name: "a test", role, expiresAt: null }, now);
  const path = join(folder, "tokens");
  await addTokenLine(path, line);
  if (isRevoked) await addTokenLine(path, { kind: "revoked", id: line.id, revokedAt: now });
  return text;
}

/** Makes a request with another implementation of protobuf, like KEDA. */
async function requestOf(method: string, scalerMetadata: Record<string, string>) {
  const registry = await compiledRegistry();
  const found = present(
    registry.getService(SERVICE)?.methods.find(({ name }) => name === method),
    "the service has the method",
  );
  const ref = { name: "workers", namespace: "ml", scalerMetadata };
  const request = fromJson(found.input, method === "GetMetrics" ? { scaledObjectRef: ref } : ref);
  return { bytes: Buffer.from(toBinary(found.input, request)), output: found.output };
}

function call(path: string, bytes: Buffer, headers = new Metadata()) {
  const asIs = (each: Buffer) => each;
  const begun = client.makeServerStreamRequest<Buffer, Buffer>(path, asIs, asIs, bytes, headers);
  begun.on("error", () => {});
  return begun;
}

/** Calls like KEDA: without a header. */
async function opened(method: string, scalerMetadata: Record<string, string>, headers = new Metadata()) {
  const { bytes, output } = await requestOf(method, scalerMetadata);
  const begun = call(`/${SERVICE}/${method}`, bytes, headers);
  const answers = (async function* () {
    for await (const answer of begun) yield toJson(output, fromBinary(output, answer));
  })();
  return { call: begun, answers };
}

async function ask(method: string, metadata: Record<string, string>, headers?: Metadata): Promise<unknown> {
  const { answers } = await opened(method, metadata, headers);
  return (await answers.next()).value;
}

describe("KEDA's external scaler", () => {
  test("returns the number of wanted workers as a metric, with a target of one per worker", async () => {
    const tokenFromEnv = await tokenFor("work");
    const trigger = { tokenFromEnv, scalerAddress: server.address, shardsPerWorker: "10" };
    const metricName = "shardmill-workers";
    expect(await ask("GetMetricSpec", trigger)).toEqual({
      metricSpecs: [{ metricName, targetSize: "1", targetSizeFloat: 1 }],
    });
    expect(await ask("GetMetrics", trigger)).toEqual({
      metricValues: [{ metricName, metricValue: "3", metricValueFloat: 3 }],
    });
    expect(await ask("GetMetrics", { ...trigger, maxWorkers: "2" })).toMatchObject({
      metricValues: [{ metricValueFloat: 2 }],
    });
    expect(await ask("IsActive", trigger)).toEqual({ result: true });
    open = 0;
    expect(await ask("IsActive", trigger)).toEqual({});
  });

  test("streams whether workers are wanted, at each change until the caller cancels", async () => {
    const { call, answers } = await opened("StreamIsActive", {
      tokenFromEnv: await tokenFor("read"),
      shardsPerWorker: "10",
    });
    expect((await answers.next()).value).toEqual({ result: true });
    open = 0;
    expect((await answers.next()).value).toEqual({});
    open = 1;
    expect((await answers.next()).value).toEqual({ result: true });
    call.cancel();
    await expect(answers.next()).rejects.toThrow("CANCELLED");
  });

  test("refuses an invalid trigger and reports what to write", async () => {
    const wrong = { tokenFromEnv: await tokenFor("read"), shardsPerWorker: "ten", deviec: "cuda" };
    for (const method of METHODS)
      expect(await failureOf(ask(method, wrong))).toMatchObject({
        details: expect.stringMatching(/ARGUMENT_INVALID.*deviec.*expected device.*found ten.*hint/),
      });
  });
});

describe("a token in a message", () => {
  const trigger = { shardsPerWorker: "10" };

  test("is required, and an invalid, unknown or revoked token is refused", async () => {
    const text = await tokenFor("read");
    const revoked = await tokenFor("read", { isRevoked: true });
    const changed = `${text.slice(0, -1)}${text.endsWith("a") ? "b" : "a"}`;
    const refusals: [metadata: Record<string, string>, says: RegExp][] = [
      [trigger, /SECRET_REFUSED.*tokenFromEnv/],
      [{ ...trigger, tokenFromEnv: "" }, /SECRET_REFUSED.*tokenFromEnv/],
      [{ ...trigger, tokenFromEnv: "guess" }, /SECRET_REFUSED.*tokenFromEnv/],
      [{ ...trigger, tokenFromEnv: changed }, /TOKEN_REFUSED/],
      [{ ...trigger, tokenFromEnv: revoked }, /revoked.*TOKEN_REFUSED/],
      [{ ...trigger, token: text }, /SECRET_REFUSED.*tokenFromEnv/],
      [{ ...trigger, tokenFromEnv: text, more: "x".repeat(20_000) }, /SECRET_REFUSED/],
    ];
    for (const method of METHODS)
      for (const [metadata, says] of refusals)
        expect(await failureOf(ask(method, metadata))).toMatchObject({
          details: expect.stringMatching(says),
        });
  });

  test("does not open a method of another service", async () => {
    const { bytes } = await requestOf("IsActive", { ...trigger, tokenFromEnv: await tokenFor("admin") });
    const others = Object.keys(METHOD_CALLERS).filter((path) => path.startsWith("/shardmill.v1."));
    expect(others.length).toBeGreaterThan(15);
    for (const path of others)
      expect(await failureOf(collect(call(path, bytes))), path).toMatchObject({
        code: status.UNAUTHENTICATED,
      });
  });

  test("is ignored when a header has a credential", async () => {
    const tokenFromEnv = await tokenFor("read");
    const headers = new Metadata();
    headers.set("authorization", "Bearer guess");
    expect(await failureOf(ask("IsActive", { ...trigger, tokenFromEnv }, headers))).toMatchObject({
      details: expect.stringContaining("SECRET_REFUSED"),
    });
    headers.set("authorization", `Bearer ${tokenFromEnv}`);
    expect(await ask("IsActive", trigger, headers)).toEqual({ result: true });
  });

  test("is checked again before each response", async () => {
    const { text, line } = makeToken(
      { name: "a test", role: "work", expiresAt: new Date(Date.now() + 1_500).toISOString() },
      new Date().toISOString(),
    );
    await addTokenLine(join(folder, "tokens"), line);
    const { answers } = await opened("StreamIsActive", { ...trigger, tokenFromEnv: text });
    expect((await answers.next()).value).toEqual({ result: true });
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    open = 0;
    await expect(answers.next()).rejects.toThrow("TOKEN_REFUSED");
  });
});
