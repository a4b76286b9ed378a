import type { HistogramCounts } from "./histogram.ts";

/** Prometheus types: a counter only grows, a gauge goes up and down, a histogram counts values by bucket. */
export type MetricType = "counter" | "gauge" | "histogram";

/** Constant facts of a metric. */
export interface MetricFacts {
  /** Name by the conventions of Prometheus: `shardmill_` first, the unit last, and `_total` for counters. */
  readonly name: string;
  readonly type: MetricType;
  /** One sentence for people, without a full stop. */
  readonly help: string;
  /** Names of the labels. Their values are bounded: see docs/operations.md. */
  readonly labels: readonly string[];
}

/**
 * Metric as one row of a table: its name, help, and how it is read from a process's facts. Metrics do not
 * count anything themselves.
 */
export interface Metric<Facts> extends MetricFacts {
  readonly read: (facts: Facts) => Iterable<Sample>;
}

/** Label values in the order of their names, and the measured value. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number | HistogramCounts;
}

/** Formats all metrics in the text format that all versions of Prometheus read. */
export function metricsText<Facts>(metrics: readonly Metric<Facts>[], facts: Facts): string {
  const lines: string[] = [];
  for (const { name, type, help, labels, read } of metrics) {
    lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`);
    for (const sample of read(facts)) {
      const pairs = labels.map((label, at) => `${label}="${escapedLabel(sample.labels[at] ?? "")}"`);
      if (typeof sample.value === "number") lines.push(line(name, pairs, sample.value));
      else lines.push(...histogramLines(name, pairs, sample.value));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Value of `Content-Type` for {@link metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Formats cumulative buckets: each also counts the values of lower ones. */
function histogramLines(name: string, pairs: readonly string[], counts: HistogramCounts): string[] {
  let below = 0;
  const buckets = [...counts.bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
    below += counts.counts[at] ?? 0;
    return line(`${name}_bucket`, [...pairs, `le="${numeral(bound)}"`], below);
  });
  return [...buckets, line(`${name}_sum`, pairs, counts.sum), line(`${name}_count`, pairs, below)];
}

function line(name: string, pairs: readonly string[], value: number): string {
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numeral(value)}`;
}

function numeral(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** Escapes a label from a job file, so that any text stays one label on one line. */
function escapedLabel(text: string): string {
  return escaped(text).replaceAll('"', '\\"');
}
