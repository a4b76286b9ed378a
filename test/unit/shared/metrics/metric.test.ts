import { describe, expect, test } from "vitest";
import { DurationHistogram } from "../../../../shared/metrics/histogram.ts";
import { type Metric, metricsText } from "../../../../shared/metrics/metric.ts";

function aGauge(labels: readonly string[], value: number): Metric<null> {
  return {
    name: "a_gauge",
    type: "gauge",
    help: "Rows\nof \\ files",
    labels: labels.map((_, at) => `label_${at}`),
    read: () => [{ labels, value }],
  };
}

describe("metrics as text", () => {
  test("a metric has a header and one line for each series", () => {
    const text = metricsText([aGauge(["x", "y"], 1.5)], null);
    expect(text).toBe(
      [
        "# HELP a_gauge Rows\\nof \\\\ files",
        "# TYPE a_gauge gauge",
        'a_gauge{label_0="x",label_1="y"} 1.5',
        "",
      ].join("\n"),
    );
  });

  test("the value of a label is escaped to stay in its quotes", () => {
    const [, , line] = metricsText([aGauge(['"} 1\nother 2 \\'], 1)], null).split("\n");
    expect(line).toBe('a_gauge{label_0="\\"} 1\\nother 2 \\\\"} 1');
  });

  test("infinities and NaN are written as Prometheus reads them", () => {
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21];
    const lines = values.map((value) => metricsText([aGauge([], value)], null).split("\n")[2]);
    expect(lines).toEqual(["a_gauge +Inf", "a_gauge -Inf", "a_gauge NaN", "a_gauge 1e+21"]);
  });

  test("a histogram has cumulative buckets, a sum and a count", () => {
    const histogram = new DurationHistogram();
    for (const ms of [0, 0.1, 0.2, 7, 60_000]) histogram.addMs(ms);
    const metric: Metric<null> = {
      name: "a_seconds",
      type: "histogram",
      help: "x",
      labels: [],
      read: () => [{ labels: [], value: histogram.read() }],
    };
    const lines = metricsText([metric], null).split("\n");
    expect(lines).toContain('a_seconds_bucket{le="0.0001"} 2');
    expect(lines).toContain('a_seconds_bucket{le="0.00025"} 3');
    expect(lines).toContain('a_seconds_bucket{le="0.005"} 3');
    expect(lines).toContain('a_seconds_bucket{le="0.01"} 4');
    expect(lines).toContain('a_seconds_bucket{le="10"} 4');
    expect(lines).toContain('a_seconds_bucket{le="+Inf"} 5');
    expect(lines).toContain("a_seconds_count 5");
    expect(Number(lines.find((line) => line.startsWith("a_seconds_sum"))?.split(" ")[1])).toBeCloseTo(
      60.0073,
      9,
    );
  });
});
