/** What is said of a span. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** Something that takes time, in a trace. */
export interface Span {
  /**
   * For what happens within it, here or in another process, as W3C's Trace Context has it; empty where
   * nothing is traced.
   */
  readonly traceparent: string;
  note(facts: SpanFacts): void;
  /** Once; later calls do nothing. @param error why it failed; left out: it did not */
  end(error?: unknown): void;
}

/** Where spans go. Extensions have real ones, which are loaded only where traces are asked for. */
export interface Tracer {
  /** @param parent the `traceparent` of the span that it is within; empty: it begins a trace */
  begin(name: string, parent: string, facts?: SpanFacts): Span;
  /** Sends what has ended, as far as that is quickly done. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { traceparent: "", note: () => {}, end: () => {} };

/** Traces nothing. */
export const NO_TRACER: Tracer = { begin: () => NO_SPAN, close: async () => {} };
