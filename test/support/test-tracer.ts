import type { Span, SpanFacts, Tracer } from "../../shared/core/tracer.ts";

/** Records spans. A span's traceparent is its name and its number. */
export class TestTracer implements Tracer {
  readonly told: { name: string; parent: string; facts: SpanFacts; error: unknown }[] = [];
  readonly #ended: string[] = [];

  /** Returns the names of the ended spans, in order. */
  ended(): string[] {
    return [...this.#ended];
  }

  begin(name: string, parent: string, facts: SpanFacts = {}): Span {
    const told = { name, parent, facts, error: undefined as unknown };
    const number = this.told.push(told) - 1;
    let isOver = false;
    return {
      traceparent: `${name}#${number}`,
      note: (more) => {
        told.facts = { ...told.facts, ...more };
      },
      end: (error) => {
        if (isOver) return;
        isOver = true;
        told.error = error;
        this.#ended.push(name);
      },
    };
  }

  async close(): Promise<void> {}
}
