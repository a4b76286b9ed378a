import type { HistogramCounts } from "./histogram.ts";

/** As Prometheus calls them: what only grows, what goes up and down, how often which values came. */
export type MetricType = "counter" | "gauge" | "histogram";

/** Facts of a metric that do not change. */
export interface MetricFacts {
  /** By the conventions of Prometheus: `shardmill_`, the unit last, `_total` of a counter. */
  readonly name: string;
  readonly type: MetricType;
  /** One sentence, for people; without a full stop. */
  readonly help: string;
  /** The names of the labels. What is in them is bounded: see docs/operations.md. */
  readonly labels: readonly string[];
}

/**
 * A metric as one row of a table: what it is called, what it says, and how it is read from the facts of a
 * process. Nothing is counted for it: the facts are there without it.
 */
export interface Metric<Facts> extends MetricFacts {
  readonly read: (facts: Facts) => Iterable<Sample>;
}

/** The values of the labels, in the order of their names, and what is told of them. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number | HistogramCounts;
}

/** The text of the family of each metric, in the text format that all versions of Prometheus read. */
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

/** The `Content-Type` of {@link metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Each bucket counts those below it, too. */
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

/** Names come from job files: whatever is in them, it stays one label of one line. */
function escapedLabel(text: string): string {
  return escaped(text).replaceAll('"', '\\"');
}
