import {
  type Context,
  DiagLogLevel,
  diag,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { toShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { Span, SpanFacts, Tracer } from "../../shared/core/tracer.ts";

/** Limit of the final flush. An unreachable collector must not delay the end of a command. */
const CLOSE_MS = 3_000;

/**
 * Returns a tracer by the OpenTelemetry SDK, which sends OTLP over HTTP. OpenTelemetry's variables control
 * sampling, buffering and the target.
 */
export function otelTracer(service: string, log: Logger): Tracer {
  const report = troubleTeller(log);
  const own = resourceFromAttributes({ "service.name": service, "service.version": buildVersion });
  const said = detectResources({ detectors: [envDetector] });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(own).merge(said),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer("shardmill", buildVersion);
  return {
    begin: (name, parent, facts = {}) =>
      new TracedSpan(tracer.startSpan(name, { attributes: facts }, contextOf(parent))),
    async close() {
      const sent = provider.shutdown().then(
        () => true,
        (error: unknown) => log.debug(error, "traces were not sent"),
      );
      // The SDK retries meanwhile, without any report.
      const tooLong = new Promise<false>((resolve) => setTimeout(resolve, CLOSE_MS, false).unref());
      if ((await Promise.race([sent, tooLong])) === false)
        report(`the collector did not take the last of them within ${CLOSE_MS / 1_000} s`);
    },
  };
}

class TracedSpan implements Span {
  readonly traceparent: string;
  readonly #span: OtelSpan;

  constructor(span: OtelSpan) {
    this.#span = span;
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  }

  note(facts: SpanFacts): void {
    this.#span.setAttributes(facts);
  }

  end(error?: unknown): void {
    if (!this.#span.isRecording()) return;
    if (error !== undefined) {
      const { code, message } = toShardmillError(error);
      this.#span.setAttribute("error.type", code);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    this.#span.end();
  }
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Returns the context of a parent span. An invalid parent, from another process, is ignored. */
function contextOf(traceparent: string): Context {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(traceparent) ?? [];
  const parent: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return trace.isSpanContextValid(parent) ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

/** Extracts the message from the SDK's errors, which are JSON with a stack. */
function reasonOf(message: string): string {
  return /^\{.*"message":"((?:[^"\\]|\\.)*)"/.exec(message)?.[1] ?? message;
}

/**
 * Returns a function that warns about the first failure only. A long outage of the collector would fill the
 * log.
 */
function troubleTeller(log: Logger): (message: string) => void {
  let isReported = false;
  const report = (message: string, ...details: unknown[]) => {
    if (isReported) log.debug({ details }, message);
    else log.warn({ reason: reasonOf(message) }, "traces cannot be sent");
    isReported = true;
  };
  const quiet = () => {};
  diag.setLogger(
    { error: report, warn: report, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return report;
}
