import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { BrowserPasses, PASS_MS } from "../../coordinator/access/browser-passes.ts";
import { makeToken } from "../../coordinator/access/tokens.ts";
import { addTokenLine } from "../../coordinator/access/tokens-file.ts";
import { healthRoutes, serveHttp } from "../../coordinator/http/http-server.ts";
import type { Credential } from "../../shared/access/credential.ts";
import type { Role } from "../../shared/access/roles.ts";
import type { CertificateFiles } from "../../shared/access/tls-files.ts";
import { deferred } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { HttpRoute } from "../../shared/serving/http-routes.ts";
import type { HttpServer } from "../../shared/serving/http-server.ts";
import { type Listening, LOCAL } from "../../shared/serving/listening.ts";
import { postAs } from "../../shared/serving/post.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { TestCa } from "../support/certificates.ts";
import { failureOf } from "../support/wire-rig.ts";

let folder: string;
let tokensPath: string;
let isServing: boolean;
const handled = vi.fn();
let servers: HttpServer[];
let ca: TestCa;
let other: TestCa;
let own: CertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-http-"));
  [ca, other] = await Promise.all([TestCa.make(folder), TestCa.make(folder, "other")]);
  own = await ca.sign({ name: "server" });
});

beforeEach(() => {
  tokensPath = join(folder, `tokens-${Math.random()}`);
  isServing = true;
  servers = [];
  handled.mockReset();
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close(0)));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function serve(listening: Listening = LOCAL, extra: readonly HttpRoute[] = []): Promise<HttpServer> {
  const note = (): Response => {
    handled();
    return Response.json({});
  };
  const routes: HttpRoute[] = [
    ...healthRoutes(() => isServing),
    { method: "GET", path: "/seen", callers: "read", handle: note },
    { method: "POST", path: "/done", callers: "submit", handle: note },
    ...extra,
  ];
  const guard = { ...TEST_GUARD, tokensPath };
  const options = { listen: "127.0.0.1:0", guard, listening, routes, report: () => {}, log: silentLogger };
  const server = await serveHttp(options);
  servers.push(server);
  return server;
}

async function tokenFor(role: Role): Promise<{ readonly id: string; readonly text: string }> {
  const { text, line } = makeToken({ name: "a test", role, expiresAt: null }, new Date().toISOString());
  await addTokenLine(tokensPath, line);
  return { id: line.id, text };
}

function bearing(text: string): { readonly headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${text}` } };
}

async function codeOf(response: Response): Promise<unknown> {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
}

describe("an HTTP server", () => {
  test("gives callers without a secret only its health and readiness", async () => {
    const { url } = await serve();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    isServing = false;
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const refused = await fetch(`${url}/seen`);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(await codeOf(refused)).toEqual([401, "SECRET_REFUSED"]);
    expect(await codeOf(await fetch(`${url}/seen`, bearing("wrong")))).toEqual([401, "SECRET_REFUSED"]);
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect(handled).not.toHaveBeenCalled();
  });

  test("sends headers that forbid other sites to embed or read a response", async () => {
    const { url } = await serve();
    const { headers } = await fetch(`${url}/seen`, bearing(TEST_GUARD.secret));
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("a token in an HTTP request", () => {
  test("allows the requests of its role until it is revoked", async () => {
    const { url } = await serve();
    const { id, text } = await tokenFor("read");
    expect((await fetch(`${url}/seen`, bearing(text))).status).toBe(200);
    const refused = await fetch(`${url}/done`, { method: "POST", ...bearing(text) });
    expect(await codeOf(refused)).toEqual([403, "ROLE_REFUSED"]);
    expect(handled).toHaveBeenCalledOnce();
    await addTokenLine(tokensPath, { kind: "revoked", id, revokedAt: new Date().toISOString() });
    await vi.waitFor(
      async () =>
        expect(await codeOf(await fetch(`${url}/seen`, bearing(text)))).toEqual([401, "TOKEN_REFUSED"]),
      { timeout: 60_000 },
    );
  });

  test("is refused by confirm when it was revoked during the request", async () => {
    const begun = deferred<void>();
    const goOn = deferred<void>();
    const route: HttpRoute = {
      method: "GET",
      path: "/long",
      callers: "read",
      async handle({ var: { caller } }) {
        begun.resolve();
        await goOn.promise;
        caller.confirm();
        return Response.json({});
      },
    };
    const { url } = await serve(LOCAL, [route]);
    const { id, text } = await tokenFor("read");
    const answer = fetch(`${url}/long`, bearing(text));
    await begun.promise;
    await addTokenLine(tokensPath, { kind: "revoked", id, revokedAt: new Date().toISOString() });
    // Interval at which the file is read.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    goOn.resolve();
    expect(await codeOf(await answer)).toEqual([401, "TOKEN_REFUSED"]);
  });
});

describe("a browser", () => {
  async function logIn(url: string, text: string): Promise<string> {
    const { status, headers } = await fetch(`${url}/session`, { method: "POST", ...bearing(text) });
    expect(status).toBe(200);
    const cookie = headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    return cookie.split(";")[0] ?? "";
  }

  test("gets a cookie for a login of the secret's owner, and then has the owner's role", async () => {
    const { url, address } = await serve();
    const { answer } = await postAs(TEST_CREDENTIAL, parseAddress(address, "connect"), "/session/login");
    const cookie = await logIn(url, String(answer.login));
    expect((await fetch(`${url}/seen`, { headers: { cookie } })).status).toBe(200);
    const session = await fetch(`${url}/session`, { headers: { cookie } });
    expect(await session.json()).toEqual({ name: "secret", role: "admin" });
  });

  test("can use a login once, for a session only, and cannot get another pass with the session", async () => {
    const { url, address } = await serve();
    const { answer } = await postAs(TEST_CREDENTIAL, parseAddress(address, "connect"), "/session/login");
    const login = String(answer.login);
    expect((await fetch(`${url}/session/login`, { method: "POST", ...bearing(login) })).status).toBe(401);
    expect((await fetch(`${url}/seen`, bearing(login))).status).toBe(401);
    const headers = { cookie: await logIn(url, login), "x-shardmill-page": "1" };
    for (const path of ["/session", "/session/login"])
      expect((await fetch(`${url}${path}`, { method: "POST", headers })).status).toBe(401);
    expect((await fetch(`${url}/session`, { method: "POST", ...bearing(login) })).status).toBe(401);
    expect((await fetch(`${url}/seen`, { headers })).status).toBe(200);
  });

  test("has no session after its logout, and another browser keeps its session", async () => {
    const { url } = await serve();
    const [cookie, kept] = [await logIn(url, TEST_GUARD.secret), await logIn(url, TEST_GUARD.secret)];
    const seen = async (text: string) => (await fetch(`${url}/seen`, { headers: { cookie: text } })).status;
    expect((await fetch(`${url}/session`, { method: "DELETE", headers: { cookie } })).status).toBe(204);
    expect([await seen(cookie), await seen(kept)]).toEqual([401, 200]);
  });

  test("gets no Strict-Transport-Security header, which would affect other ports of the host", async () => {
    const { headers } = await fetch(`${(await serve()).url}/healthz`);
    expect(headers.has("strict-transport-security")).toBe(false);
    expect(headers.get("x-frame-options")).toBe("DENY");
  });

  test("is refused a change when a request has its cookie but not the header of the page", async () => {
    const { url } = await serve();
    const cookie = await logIn(url, TEST_GUARD.secret);
    const forged = await fetch(`${url}/done`, { method: "POST", headers: { cookie } });
    expect(await codeOf(forged)).toEqual([401, "SECRET_REFUSED"]);
    expect(handled).not.toHaveBeenCalled();
    const headers = { cookie, "x-shardmill-page": "1" };
    expect((await fetch(`${url}/done`, { method: "POST", headers })).status).toBe(200);
  });

  test("keeps its session when the coordinator restarts, with the role and revocation of its token", async () => {
    const { id, text } = await tokenFor("read");
    const cookie = await logIn((await serve()).url, text);
    await Promise.all(servers.splice(0).map((server) => server.close(0)));
    const { url } = await serve();
    // Names of cookies contain the port, which is another one here.
    const moved = cookie.replace(/^shardmill_\d+/, `shardmill_${new URL(url).port}`);
    const headers = { cookie: moved, "x-shardmill-page": "1" };
    expect((await fetch(`${url}/seen`, { headers })).status).toBe(200);
    expect(await codeOf(await fetch(`${url}/done`, { method: "POST", headers }))).toEqual([
      403,
      "ROLE_REFUSED",
    ]);
    await addTokenLine(tokensPath, { kind: "revoked", id, revokedAt: new Date().toISOString() });
    await vi.waitFor(
      async () =>
        expect(await codeOf(await fetch(`${url}/seen`, { headers }))).toEqual([401, "TOKEN_REFUSED"]),
      { timeout: 60_000 },
    );
  });

  test("is refused with a pass that is expired, changed, for another use, or of another secret", () => {
    let nowMs = 0;
    const passes = new BrowserPasses(TEST_GUARD.secret, () => nowMs);
    const owner = { name: "secret", token: null };
    const session = passes.issue(owner, "session");
    expect(passes.read(session, "session")).toBeNull();
    expect(passes.read(session, "login")).toBeUndefined();
    expect(passes.read(passes.issue(owner, "login"), "session")).toBeUndefined();
    expect(new BrowserPasses("another", () => 0).read(session, "session")).toBeUndefined();
    for (const text of [
      "",
      ".",
      "a.b",
      session.slice(1),
      `${session.slice(0, -2)}AA`,
      session.replace(".", ""),
    ])
      expect(passes.read(text, "session")).toBeUndefined();
    nowMs = PASS_MS.session;
    expect(passes.read(session, "session")).toBeUndefined();
  });
});

describe("an HTTP server with TLS", () => {
  async function ask(server: HttpServer, ca: string, client: CertificateFiles | null = null) {
    const credential = { ...TEST_CREDENTIAL, tls: { ca, own: client } };
    return await postAs(credential, parseAddress(server.address, "connect"), "/session/login");
  }

  test("presents its certificate, and gets no request from a client with another CA", async () => {
    const server = await serve({ tls: { own, clientCa: null }, insecure: false });
    expect(server.url).toMatch(/^https:/);
    const send = (more: Partial<Credential>) =>
      postAs({ ...TEST_CREDENTIAL, ...more }, parseAddress(server.address, "connect"), "/done");
    for (const more of [{}, { tls: { ca: other.path, own: null } }])
      expect(await failureOf(send(more))).toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
    expect(handled).not.toHaveBeenCalled();
    await send({ tls: { ca: ca.path, own: null } });
    expect(handled).toHaveBeenCalledOnce();
  });

  test("presents a renewed certificate without a restart", async () => {
    const renewed = await ca.sign({ name: "renewed" });
    const server = await serve({ tls: { own: renewed, clientCa: null }, insecure: false });
    await ask(server, ca.path);
    await other.sign({ name: "renewed" });
    await ask(server, other.path);
    expect(await failureOf(ask(server, ca.path))).toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  });

  test("refuses a client without a certificate of its client CA, and reports the reason", async () => {
    const server = await serve({ tls: { own, clientCa: ca.path }, insecure: false });
    expect((await ask(server, ca.path, await ca.sign({ name: "client" }))).answer.login).toBeTypeOf("string");
    expect(await failureOf(ask(server, ca.path))).toMatchObject({
      message: expect.stringContaining("has none"),
    });
    const foreign = await other.sign({ name: "foreign" });
    expect(await failureOf(ask(server, ca.path, foreign))).toMatchObject({
      message: expect.stringContaining("not signed by a CA that this coordinator trusts"),
    });
  });

  test("refuses to listen without TLS for other machines, or on a used port", async () => {
    const options = { guard: TEST_GUARD, listening: LOCAL, routes: [], report: () => {}, log: silentLogger };
    const served = serveHttp({ ...options, listen: "0.0.0.0:0" });
    expect(await failureOf(served)).toMatchObject({ code: "LISTENING_REFUSED" });
    const twice = serveHttp({ ...options, listen: (await serve()).address });
    expect(await failureOf(twice)).toMatchObject({ code: "PORT_IN_USE" });
  });
});
