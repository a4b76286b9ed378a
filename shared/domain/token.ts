/**
 * The fencing token of a lease: strictly increasing over every generation of the coordinator, for ever.
 * `generation` is made durable before the port opens, so a restarted coordinator never repeats a token.
 */
export interface Token {
  readonly generation: number;
  readonly sequence: number;
}

export function compareTokens(a: Token, b: Token): number {
  return a.generation - b.generation || a.sequence - b.sequence;
}

/** `3.17`: for map keys, file names and logs. */
export function tokenKey(token: Token): string {
  return `${token.generation}.${token.sequence}`;
}
