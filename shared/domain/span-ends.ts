/**
 * How an attempt left its worker's hands, worst first.
 *
 * | end | means |
 * |---|---|
 * | died | its worker's process died |
 * | failed | it failed, and said why |
 * | rejected | what it handed in was not whole |
 * | expired | its lease ran out: nothing was heard of its worker. Its partial may have come later |
 * | superseded | another attempt was first, or the job ended |
 * | interrupted | its coordinator ended, and no other knows how it went on. Its partial may have come |
 * | released | its worker drained, and handed it back |
 * | committed | what it handed in is the shard's partial |
 */
export const SPAN_ENDS = [
  "died",
  "failed",
  "rejected",
  "expired",
  "superseded",
  "interrupted",
  "released",
  "committed",
] as const;
export type SpanEnd = (typeof SPAN_ENDS)[number];
