/** Attributes of a span. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** Timed operation in a trace. */
export interface Span {
  /** W3C Trace Context of the span, for operations within it, also in other processes. Empty: no tracing. */
  readonly traceparent: string;
  note(facts: SpanFacts): void;
  /** Ends the span once. Later calls do nothing. @param error cause of a failure. Default: success. */
  end(error?: unknown): void;
}

/** Receiver of spans. Extensions have real ones, which are loaded only on request. */
export interface Tracer {
  /** @param parent `traceparent` of the enclosing span. Empty: begins a trace. */
  begin(name: string, parent: string, facts?: SpanFacts): Span;
  /** Sends the ended spans, within a short time. */
  close(): Promise<void>;
}

const NO_SPAN: Span = { traceparent: "", note: () => {}, end: () => {} };

/** Tracer that does nothing. */
export const NO_TRACER: Tracer = { begin: () => NO_SPAN, close: async () => {} };
