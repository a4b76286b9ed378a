import { defineReduction } from "shardmill";

/** Confusion matrix of the digits: counted by the workers per shard, and added at the end. */
export default defineReduction({
  reads: { label: "int32", digit: "int32" },
  combined: { label: "int32", digit: "int32", rows: "int32" },
  columns: { label: "int32", digit: "int32", rows: "int32", share: "float64" },
  async combine({ rows }) {
    const counts = new Map<string, { label: number; digit: number; rows: number }>();
    for await (const { label, digit } of rows) {
      const found = counts.get(`${label} ${digit}`) ?? { label, digit, rows: 0 };
      counts.set(`${label} ${digit}`, { ...found, rows: found.rows + 1 });
    }
    return [...counts.values()];
  },
  async final({ rows }) {
    const counts = new Map<string, { label: number; digit: number; rows: number }>();
    const ofLabel = new Map<number, number>();
    for await (const { label, digit, rows: more } of rows) {
      const found = counts.get(`${label} ${digit}`) ?? { label, digit, rows: 0 };
      counts.set(`${label} ${digit}`, { ...found, rows: found.rows + more });
      ofLabel.set(label, (ofLabel.get(label) ?? 0) + more);
    }
    return [...counts.values()]
      .sort((a, b) => a.label - b.label || a.digit - b.digit)
      .map((count) => ({ ...count, share: count.rows / (ofLabel.get(count.label) ?? 1) }));
  },
});
