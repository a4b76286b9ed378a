/**
 * Outcomes of an attempt, worst first.
 *
 * | end | means |
 * |---|---|
 * | lost | the worker's process exited |
 * | failed | the attempt failed with an error |
 * | rejected | its partial was not whole |
 * | expired | its lease expired without a sign of the worker. Its partial may have arrived later |
 * | superseded | another attempt was first, or the job ended |
 * | interrupted | its coordinator ended, and the outcome is unknown. Its partial may have arrived |
 * | released | its worker drained, and released the lease |
 * | committed | its partial is the shard's partial |
 */
export const SPAN_ENDS = [
  "lost",
  "failed",
  "rejected",
  "expired",
  "superseded",
  "interrupted",
  "released",
  "committed",
] as const;
export type SpanEnd = (typeof SPAN_ENDS)[number];
