import { Hono } from "hono";
import type { Logger } from "../../shared/core/log.ts";
import { METRICS_TYPE, metricsText } from "../../shared/metrics/metric.ts";
import { ProcessWatch } from "../../shared/metrics/process-metrics.ts";
import { type HttpBindings, type HttpServer, startHttpServer } from "../../shared/serving/http-server.ts";
import { type Listening, refuseClear } from "../../shared/serving/listening.ts";
import { openTlsListener } from "../../shared/serving/tls-listener.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { hangingIn } from "./process-figures.ts";
import { SUPERVISOR_METRICS, type SupervisorFacts } from "./worker-metrics.ts";

interface WorkerHttpOptions {
  /** `host:port`. Port 0: any free port. */
  readonly listen: string;
  readonly listening: Listening;
  readonly facts: () => Omit<SupervisorFacts, "process">;
  readonly log: Logger;
}

/**
 * Serves health and metrics of a `worker` command without authentication. Metrics contain the load of the
 * machine. About jobs, they contain only the names of stores that the worker reads.
 *
 * @throws {PORT_IN_USE} when the port is taken
 * @throws {ARGUMENT_INVALID} when the address is invalid
 * @throws {LISTENING_REFUSED} when listening there is not allowed
 * @throws {TLS_INVALID} when the certificate or its key is invalid
 */
export async function serveWorkerHttp(options: WorkerHttpOptions): Promise<HttpServer> {
  const { listen, listening, facts, log } = options;
  const place = parseAddress(listen, "listen", "--http");
  refuseClear(place, listening, "--http");
  const watch = new ProcessWatch();
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/healthz", (context) => {
    const hanging = hangingIn(facts().workers);
    return hanging.length === 0 ? context.text("ok\n") : context.text(`${hanging.join("\n")}\n`, 503);
  });
  app.get("/readyz", (context) =>
    facts().workers.some(({ hasJoined }) => hasJoined)
      ? context.text("ok\n")
      : context.text("no process has joined\n", 503),
  );
  app.get("/metrics", (context) =>
    context.body(metricsText(SUPERVISOR_METRICS, { ...facts(), process: watch.look() }), 200, {
      "content-type": METRICS_TYPE,
    }),
  );
  const server = await startHttpServer(app, place, openTlsListener(listening, log));
  log.info({ address: server.address }, "listening for HTTP");
  return server;
}
