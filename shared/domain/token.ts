/**
 * Fencing token of a lease. It strictly increases over all generations of the coordinator. `generation` is
 * durable before the port opens, so a restarted coordinator never repeats a token.
 */
export interface Token {
  readonly generation: number;
  readonly sequence: number;
}

export function compareTokens(a: Token, b: Token): number {
  return a.generation - b.generation || a.sequence - b.sequence;
}

/** Formats a token for map keys, file names and logs: `3.17`. */
export function tokenKey(token: Token): string {
  return `${token.generation}.${token.sequence}`;
}
