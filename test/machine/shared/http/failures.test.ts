import dns from "node:dns";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { judgedByStatus } from "../../../../shared/http/failures.ts";
import { HttpEngine } from "../../../../shared/http/http-engine.ts";
import { startWebServer, type WebServer } from "../../../support/web-server.ts";

let server: WebServer;
beforeAll(async () => {
  server = await startWebServer({});
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Sends a request to which no answer is right. Waits end at once. */
async function ask({ url }: { readonly url: URL }): Promise<never> {
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  using engine = new HttpEngine({ idleMs: 500, timers });
  return await engine.call(
    {
      path: "the file",
      request: () => ({ method: "GET", url, headers: {} }),
      open: () => null,
      judge: (answer) => judgedByStatus("the file", answer),
    },
    NEVER,
  );
}

test("an unknown host or proxy fails with STORE_FAILED after six attempts, not as a missing file", async () => {
  const lookup = vi.spyOn(dns, "lookup").mockImplementation(((host: string, ...rest: unknown[]) => {
    const unknown = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
      code: "ENOTFOUND",
      hostname: host,
    });
    (rest.at(-1) as (error: Error) => void)(unknown);
  }) as never);
  const url = new URL("http://vpn.invalid/x");
  try {
    await expect(ask({ url })).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: "the file cannot be reached: unknown host vpn.invalid",
      fields: { server: "vpn.invalid", tries: 6 },
    });
    vi.stubEnv("HTTP_PROXY", "http://me:hunter2@proxy.invalid:3128");
    const behind = await ask({ url }).catch((error: unknown) => error);
    expect(behind).toMatchObject({
      code: "STORE_FAILED",
      message: "the file cannot be reached: unknown proxy proxy.invalid",
      fields: { variable: "HTTPS_PROXY", proxy: "proxy.invalid" },
    });
    expect(behind).not.toHaveProperty("fields.server");
  } finally {
    lookup.mockRestore();
    vi.unstubAllEnvs();
  }
});

test("a 407 from a server is not reported as a failure of this machine's proxy", async () => {
  server.served.set("/odd", (_request, response) => void response.writeHead(407).end());
  const refused = await ask({ url: new URL("/odd", server.url) }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "STORE_REFUSED", fields: { status: 407 } });
  expect(refused).not.toHaveProperty("fields.variable");
});

test.each([501, 505])("a request with the response %i is not retried", async (status) => {
  let requested = 0;
  server.served.set("/never-done", (request, response) => {
    requested += 1;
    request.resume().on("end", () => response.writeHead(status).end("no such method"));
  });
  const call = ask({ url: new URL("/never-done", server.url) });
  await expect(call).rejects.toMatchObject({ code: "STORE_FAILED", fields: { status } });
  expect(requested).toBe(1);
});

test("a retry-after date is measured from the date of the response", () => {
  const busy = (headers: Record<string, string>) =>
    judgedByStatus("the file", { status: 503, headers, body: Buffer.alloc(0) });
  const after = "Mon, 30 Nov 2026 07:00:09 GMT";
  expect(busy({ "retry-after": after, date: "Mon, 30 Nov 2026 07:00:00 GMT" })).toMatchObject({
    afterMs: 9_000,
  });
  expect(busy({ "retry-after": after, date: "Mon, 30 Nov 2026 08:00:00 GMT" })).toMatchObject({ afterMs: 0 });
  expect(busy({ "retry-after": after })).toMatchObject({ afterMs: 0 });
  expect(busy({ "retry-after": "7" })).toMatchObject({ afterMs: 7_000 });
});
