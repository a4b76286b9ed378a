import type { Extension } from "../../shared/extension/extension.ts";

/** Traces by OpenTelemetry, when its variables name a collector. */
export const tracing: Extension = {
  name: "tracing",
  face: {
    traces: {
      isRequested(env) {
        const said = (name: string) => (env[name] ?? "").trim();
        if (said("OTEL_SDK_DISABLED").toLowerCase() === "true") return false;
        if (said("OTEL_TRACES_EXPORTER") === "none") return false;
        const endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        return endpoints.some((name) => said(name) !== "");
      },
      open: async (service, log) => (await import("./otel-tracer.ts")).otelTracer(service, log),
    },
  },
};
