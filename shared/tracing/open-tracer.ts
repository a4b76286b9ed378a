import type { Logger } from "../core/log.ts";
import { NO_TRACER, type Tracer } from "../core/tracer.ts";

/**
 * Traces by OpenTelemetry, where its variables name a place for them: `OTEL_EXPORTER_OTLP_ENDPOINT` or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. Else nothing is traced, and no module of it is loaded.
 *
 * @param service what the process is: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say otherwise
 */
export async function openTracer(
  service: string,
  log: Logger,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Tracer> {
  if (!isAsked(env)) return NO_TRACER;
  const { otelTracer } = await import("./otel-tracer.ts");
  return otelTracer(service, log);
}

function isAsked(env: NodeJS.ProcessEnv): boolean {
  const said = (name: string) => (env[name] ?? "").trim();
  if (said("OTEL_SDK_DISABLED").toLowerCase() === "true" || said("OTEL_TRACES_EXPORTER") === "none")
    return false;
  return said("OTEL_EXPORTER_OTLP_ENDPOINT") !== "" || said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") !== "";
}
