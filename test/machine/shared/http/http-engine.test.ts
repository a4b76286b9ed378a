import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { Connections } from "../../../../shared/http/connections.ts";
import { exchange } from "../../../../shared/http/exchange.ts";
import { judgedByStatus } from "../../../../shared/http/failures.ts";
import { type HttpCall, HttpEngine, type HttpEngineOptions } from "../../../../shared/http/http-engine.ts";
import type { HttpRequest } from "../../../../shared/http/messages.ts";
import { StoreTally } from "../../../../shared/http/store-tally.ts";
import { makeCertificate } from "../../../support/certificate.ts";
import { needs } from "../../../support/needs.ts";
import { type ServeCall, startWebServer, type WebServer } from "../../../support/web-server.ts";

let server: WebServer;
let other: WebServer;
beforeAll(async () => {
  [server, other] = await Promise.all([startWebServer({}), startWebServer({})]);
});
afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
});

const OPTIONS: HttpEngineOptions = {
  idleMs: 500,
  timers: {
    after(_ms, act) {
      act();
      return () => {};
    },
  },
};

/** Returns a call whose answer is text. */
function textCall(request: Omit<HttpRequest, "headers"> & Partial<HttpRequest>): HttpCall<string> {
  return {
    path: "the file",
    request: () => ({ headers: {}, ...request }),
    open({ status }) {
      if (status !== 200) return null;
      let text = "";
      return {
        take(chunk) {
          text += Buffer.from(chunk).toString();
          return "more";
        },
        end: () => text,
      };
    },
    judge: (answer) => judgedByStatus("the file", answer),
  };
}

async function ask(request: Parameters<typeof textCall>[0], signal = NEVER): Promise<string> {
  using engine = new HttpEngine(OPTIONS);
  return await engine.call(textCall(request), signal);
}

const says =
  (text: string): ServeCall =>
  (_request, response) =>
    void response.end(text);

test("a redirect to another server keeps ordinary headers and drops secret headers and credentials", async () => {
  const told: Record<string, unknown>[] = [];
  const note: ServeCall = ({ headers: { authorization, range } }, response) => {
    told.push({ authorization, range });
    response.end("there");
  };
  const leading =
    (to: () => string): ServeCall =>
    (_request, response) =>
      void response.writeHead(307, { location: to() }).end();
  other.served.set("/there", note);
  server.served.set("/there", note);
  server.served.set(
    "/away",
    leading(() => `${other.url}/there`),
  );
  server.served.set(
    "/near",
    leading(() => "/there"),
  );
  other.served.set(
    "/back",
    leading(() => `${server.url}/there`),
  );
  server.served.set(
    "/away-and-back",
    leading(() => `${other.url}/back`),
  );
  const headers = { range: "bytes=0-9" };
  for (const path of ["/away", "/near", "/away-and-back"]) {
    const secretHeaders = { authorization: "Bearer hunter2" };
    expect(await ask({ method: "GET", url: new URL(path, server.url), headers, secretHeaders })).toBe(
      "there",
    );
    const named = new URL(path, server.url.replace("//", "//me:hunter2@"));
    expect(await ask({ method: "GET", url: named, headers })).toBe("there");
  }
  const range = "bytes=0-9";
  const basic = `Basic ${Buffer.from("me:hunter2").toString("base64")}`;
  const [none, bearer, user] = [undefined, "Bearer hunter2", basic].map((authorization) => ({
    authorization,
    range,
  }));
  expect(told).toEqual([none, none, bearer, user, none, none]);
});

test("a PUT does not follow redirects, and is sent again if the server was busy", async () => {
  const bodies: string[] = [];
  let requested = 0;
  server.served.set("/put", (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      requested += 1;
      bodies.push(`${request.headers["content-length"]} ${Buffer.concat(chunks)}`);
      response.writeHead(requested === 1 ? 503 : 200).end("stored");
    });
  });
  const body = {
    bytes: 6,
    async *chunks() {
      yield Buffer.from("abc");
      yield Buffer.from("def");
    },
  };
  expect(await ask({ method: "PUT", url: new URL("/put", server.url), body })).toBe("stored");
  expect(bodies).toEqual(["6 abcdef", "6 abcdef"]);
  server.served.set(
    "/moved",
    (_request, response) => void response.writeHead(307, { location: "/put" }).end(),
  );
  const moved = ask({ method: "PUT", url: new URL("/moved", server.url), body });
  await expect(moved).rejects.toMatchObject({ code: "STORE_FAILED", fields: { status: 307 } });
});

test("a PUT fails if the server stops reading, but not if its source is slow", async () => {
  const never: ServeCall = () => {};
  server.served.set("/never", never);
  const large = {
    bytes: 64 << 20,
    chunks: async function* () {
      yield new Uint8Array(64 << 20);
    },
  };
  await expect(ask({ method: "PUT", url: new URL("/never", server.url), body: large })).rejects.toMatchObject(
    {
      code: "STORE_FAILED",
      message: "the file is silent for 1 s",
    },
  );
  const late: ServeCall = (request, response) => void request.resume().on("end", () => response.end("late"));
  server.served.set("/put", late);
  const slow = {
    bytes: 2,
    async *chunks() {
      yield Buffer.from("a");
      await new Promise((resolve) => setTimeout(resolve, 900));
      yield Buffer.from("b");
    },
  };
  expect(await ask({ method: "PUT", url: new URL("/put", server.url), body: slow })).toBe("late");
});

test("a source that cannot be read ends the request with its error, without a retry", async () => {
  const lost = new Error("the disk is gone");
  const body = {
    bytes: 6,
    async *chunks() {
      yield Buffer.from("abc");
      throw lost;
    },
  };
  server.served.set("/put", (request) => void request.resume());
  const tally = new StoreTally();
  using engine = new HttpEngine({ ...OPTIONS, tally });
  const put = engine.call(textCall({ method: "PUT", url: new URL("/put", server.url), body }), NEVER);
  await expect(put).rejects.toBe(lost);
  expect(tally.read()).toMatchObject([{ store: new URL(server.url).origin, requests: 1, retries: 0 }]);
});

test("all readers of a store share one retry budget, and requests are counted for each store", async () => {
  let isDown = true;
  server.served.set("/x", (_request, response) => void response.writeHead(isDown ? 503 : 200).end("body"));
  other.served.set("/x", says("fine"));
  const tally = new StoreTally();
  using engine = new HttpEngine({ ...OPTIONS, tally });
  const one = ({ url }: WebServer) =>
    engine.call(textCall({ method: "GET", url: new URL("/x", url) }), NEVER);
  const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => one(server)));
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  expect(tally.read()).toEqual([
    {
      store: new URL(server.url).origin,
      requests: 160,
      bytesRead: 160 * 4,
      bytesWritten: 0,
      retries: 100,
      throttled: 160,
      waitedMs: expect.any(Number),
      answers: 160,
      firstByteMs: expect.any(Number),
    },
  ]);
  // Another store is not affected, and this one is used again as soon as it answers.
  expect(await one(other)).toBe("fine");
  isDown = false;
  expect(await one(server)).toBe("body");
  expect(tally.read().find(({ store }) => store === new URL(other.url).origin)).toMatchObject({
    requests: 1,
    retries: 0,
    throttled: 0,
  });
});

test("a kept connection that the server closed is replaced without an error", async () => {
  const sockets: { destroy(): void }[] = [];
  server.served.set("/kept", (request, response) => {
    sockets.push(request.socket);
    response.end("kept");
  });
  using engine = new HttpEngine(OPTIONS);
  const call = textCall({ method: "GET", url: new URL("/kept", server.url) });
  for (let time = 0; time < 5; time += 1) {
    expect(await engine.call(call, NEVER)).toBe("kept");
    sockets.at(-1)?.destroy();
  }
  expect(sockets).toHaveLength(5);
});

needs("s3")("a server with an untrusted certificate is refused", async () => {
  const { key, cert } = await makeCertificate();
  await using secure = await startWebServer({ "/x": says("secret") }, { key, cert });
  const call = textCall({ method: "GET", url: new URL("/x", secure.url) });
  const tally = new StoreTally();
  using stranger = new HttpEngine({ ...OPTIONS, tally });
  await expect(stranger.call(call, NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { reason: "DEPTH_ZERO_SELF_SIGNED_CERT", server: "127.0.0.1" },
    hint: expect.stringMatching(/`, in AWS_CA_BUNDLE for S3, .*or in NODE_EXTRA_/),
  });
  expect(tally.read()).toMatchObject([{ store: secure.url, requests: 1, retries: 0 }]);
  using friend = new HttpEngine({ ...OPTIONS, caOf: () => cert });
  expect(await friend.call(call, NEVER)).toBe("secret");
});

test("an exchange that is aborted before it begins sends no request", async () => {
  using connections = new Connections();
  const url = new URL("/never-asked", server.url);
  const { connection } = await connections.to(url);
  const reason = new Error("enough");
  const open = () => ({ take: () => "more" as const, end: () => "came" });
  const judge = (error: unknown) => new Error("judged", { cause: error });
  const signal = AbortSignal.abort(reason);
  const requested = exchange(
    { method: "GET", url, headers: {} },
    { connection, idleMs: 500, open, judge, signal },
  );
  await expect(requested).rejects.toBe(reason);
  expect(server.requests.filter((request) => request.includes("never-asked"))).toEqual([]);
});

test("an abort ends a call that waits for its turn or for its next attempt", async () => {
  const reason = new Error("enough");
  server.served.set("/hang", () => {});
  using engine = new HttpEngine({ ...OPTIONS, atOnce: 1, idleMs: 60_000 });
  const abort = new AbortController();
  const call = textCall({ method: "GET", url: new URL("/hang", server.url) });
  const calls = [engine.call(call, abort.signal), engine.call(call, abort.signal)];
  abort.abort(reason);
  expect(await Promise.allSettled(calls)).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
  using patient = new HttpEngine({ idleMs: 500, random: { unit: () => 1, hex: () => "" } });
  const later = new AbortController();
  server.served.set("/busy", (_request, response) => {
    response.writeHead(503, { "retry-after": "30" }).end();
    setTimeout(() => later.abort(reason), 20);
  });
  const busy = patient.call(textCall({ method: "GET", url: new URL("/busy", server.url) }), later.signal);
  await expect(busy).rejects.toBe(reason);
});

test("a disposed engine ends its running calls and sends no further request", async () => {
  let requested = 0;
  server.served.set("/slow", (_request, response) => {
    requested += 1;
    setTimeout(() => response.destroy(), 50);
  });
  const engine = new HttpEngine({ ...OPTIONS, idleMs: 60_000 });
  const call = engine.call(textCall({ method: "GET", url: new URL("/slow", server.url) }), NEVER);
  const ended = expect(call).rejects.toThrow("disposed of");
  await vi.waitFor(() => expect(requested).toBe(1), { timeout: 60_000 });
  engine[Symbol.dispose]();
  await ended;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(requested).toBe(1);
});
