import { METRICS_TYPE } from "../../shared/metrics/metric.ts";
import type { HttpRoute } from "../../shared/serving/http-routes.ts";
import { CoordinatorMetrics, type CoordinatorMetricsOptions } from "./metrics/coordinator-metrics.ts";

/** Where Prometheus looks. It sends a token of the role `read`. */
export function metricsRoute(options: CoordinatorMetricsOptions): HttpRoute {
  const metrics = new CoordinatorMetrics(options);
  return {
    method: "GET",
    path: "/metrics",
    callers: "read",
    handle: () => new Response(metrics.text(), { headers: { "content-type": METRICS_TYPE } }),
  };
}
