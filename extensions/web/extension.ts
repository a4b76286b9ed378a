import type { Extension } from "../../shared/extension/extension.ts";

/** Web page of a coordinator, and its metrics for Prometheus. */
export const web: Extension = {
  name: "web",
  face: {
    http: {
      serves: ["/metrics", "the page"],
      command: { name: "page", purpose: "for its page" },
      async load(view) {
        const { metricsRoute } = await import("./metrics/coordinator-metrics.ts");
        const { pageRoutes } = await import("./page-routes.ts");
        return [metricsRoute(view), ...pageRoutes(view)];
      },
      loadMetrics: async () => (await import("./metrics/coordinator-metrics.ts")).COORDINATOR_METRICS,
    },
  },
  command: {
    usage: "page",
    says: "Print a login address of a coordinator's page, valid for a minute",
    follows: "workers",
    load: async () => (await import("./command.ts")).pageCommand,
  },
};
