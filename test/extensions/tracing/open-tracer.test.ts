import { expect, test } from "vitest";
import { silentLogger } from "../../../shared/core/log.ts";
import { NO_TRACER } from "../../../shared/core/tracer.ts";
import { openTracer } from "../../../shared/extension/open-tracer.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

test.each([
  [{}],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: " " }],
  [{ OTEL_SERVICE_NAME: "x", OTEL_TRACES_SAMPLER: "always_on" }],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" }],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }],
])("tracing is disabled with %o", async (env) => {
  expect(await openTracer("a-test", silentLogger, env)).toBe(NO_TRACER);
});

test.each([[ENDPOINT], [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:4318/v1/traces" }]])(
  "spans with %o inherit the trace of a valid parent, and start a new trace for an invalid one",
  async (env) => {
    const tracer = await openTracer("a-test", silentLogger, env);
    const root = tracer.begin("job", "");
    expect(root.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const [, traceId] = root.traceparent.split("-");
    const child = tracer.begin("attempt", root.traceparent, { shard: 1 });
    expect(child.traceparent).toContain(traceId);
    expect(child.traceparent).not.toBe(root.traceparent);
    // The decision for the trace holds for its parts, too.
    const left = tracer.begin("attempt", root.traceparent.replace(/01$/, "00"));
    expect(left.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    for (const none of [
      "x",
      "00-0-0-01",
      `00-${"0".repeat(32)}-${"0".repeat(16)}-01`,
      `${root.traceparent}\n`,
    ])
      expect(tracer.begin("attempt", none).traceparent).not.toContain(traceId);
  },
);
