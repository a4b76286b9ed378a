import type { LeftAlone } from "./precision.ts";

/** Counts of unconverted nodes, by operator and reason. */
export class LeftNodes {
  readonly #counts = new Map<string, LeftAlone>();

  add(op: string, reason: string): void {
    const key = JSON.stringify([op, reason]);
    this.#counts.set(key, { op, reason, nodes: (this.#counts.get(key)?.nodes ?? 0) + 1 });
  }

  list(): LeftAlone[] {
    return [...this.#counts.values()].sort(
      (a, b) => b.nodes - a.nodes || (a.op < b.op ? -1 : a.op > b.op ? 1 : 0),
    );
  }
}
