import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { HttpEnv, HttpRoute } from "../../shared/serving/http-routes.ts";
import { type HttpServer, startHttpServer } from "../../shared/serving/http-server.ts";
import { type Listening, refuseClear } from "../../shared/serving/listening.ts";
import { openTlsListener } from "../../shared/serving/tls-listener.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import { AuditLog } from "../access/audit-log.ts";
import { BrowserPasses } from "../access/browser-passes.ts";
import { CallRates } from "../access/call-rates.ts";
import { tokensOf } from "../access/guard.ts";
import { type Guard, Judge } from "../access/judge.ts";
import { HttpGuard } from "./http-guard.ts";
import { sessionRoutes } from "./session-routes.ts";

interface ServeHttpOptions {
  /** Address `host:port`. Port 0: any free port. */
  readonly listen: string;
  readonly guard: Guard;
  /** Call rates. Default: counted for this server alone. */
  readonly rates?: CallRates;
  readonly listening: Listening;
  readonly routes: readonly HttpRoute[];
  readonly report: ReportFailure;
  readonly log: Logger;
}

type GrpcName = (typeof ERROR_CODES)[keyof typeof ERROR_CODES]["grpc"];

/** HTTP status of each gRPC status, as in Google's APIs. */
const HTTP_STATUS: Readonly<Record<GrpcName, number>> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  UNAUTHENTICATED: 401,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
};

/** Limit of a request body. Bodies are small: a reason, a priority. */
const MOST_BODY_BYTES = 64 << 10;

/** Headers of every answer. The page loads nothing from other sites and may not be framed. */
const HEADERS = {
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
  },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  // HSTS would apply to every port of the host, and other servers there may have no TLS.
  strictTransportSecurity: false,
};

/**
 * Serves HTTP. Each route has its callers, who are authorized like those of gRPC.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} {LISTENING_REFUSED} {TLS_INVALID} when it may not listen there
 */
export async function serveHttp(options: ServeHttpOptions): Promise<HttpServer> {
  const { listen, guard, listening, report, log, rates = new CallRates(() => performance.now()) } = options;
  const place = parseAddress(listen, "listen", "--http");
  refuseClear(place, listening, "--http");
  const tlsListener = openTlsListener(listening, log);
  const audit = new AuditLog(guard.auditPath, log);
  const judge = new Judge(guard, tokensOf(guard, report), Date.now);
  const passes = new BrowserPasses(guard.secret, Date.now);
  const httpGuard = new HttpGuard({ judge, passes, audit, report, tlsListener, rates });
  const app = new Hono<HttpEnv>();
  app.use(secureHeaders(HEADERS));
  app.onError((error, { req }) => {
    report(`${req.method} ${req.path}`, error);
    return errorResponse(error);
  });
  app.notFound((context) => context.json({ error: { code: "NOT_FOUND", message: "unknown path" } }, 404));
  for (const route of [...sessionRoutes(passes), ...options.routes]) {
    app.on(
      route.method,
      route.path,
      async (context, next) => {
        context.set("caller", httpGuard.admit(context, route));
        await next();
        context.header("cache-control", "no-store");
      },
      bodyLimit({
        maxSize: MOST_BODY_BYTES,
        onError: () => new Response(`the body is larger than ${MOST_BODY_BYTES} bytes\n`, { status: 413 }),
      }),
      (context) => route.handle(context),
    );
  }
  const server = await startHttpServer(app, place, tlsListener);
  log.info({ address: server.address }, "listening for HTTP");
  return server;
}

/** Routes for probes, which cannot send a secret: `/healthz` (running) and `/readyz` (taking calls). */
export function healthRoutes(isServing: () => boolean): readonly HttpRoute[] {
  const answer = (isGood: boolean) =>
    new Response(isGood ? "ok\n" : "not serving\n", { status: isGood ? 200 : 503 });
  return [
    { method: "GET", path: "/healthz", callers: "anyone", handle: () => answer(true) },
    { method: "GET", path: "/readyz", callers: "anyone", handle: () => answer(isServing()) },
  ];
}

/** Returns `{ "error": { code, message, fields, problems, hint } }`, without a stack or a cause. */
function errorResponse(error: unknown): Response {
  const data = errorToData(error);
  const status = HTTP_STATUS[ERROR_CODES[data.code].grpc];
  const { retryMs } = data.fields;
  const headers = {
    ...(status === 401 ? { "www-authenticate": 'Bearer realm="shardmill"' } : {}),
    ...(typeof retryMs === "number" ? { "retry-after": String(Math.ceil(retryMs / 1_000)) } : {}),
  };
  return Response.json({ error: data }, { status, headers });
}
