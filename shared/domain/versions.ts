/** The versions that somebody speaks, both of these too. */
export interface ProtocolRange {
  readonly oldest: number;
  readonly newest: number;
}

/** What a version of Shardmill says of itself. */
export interface Versions {
  readonly protocol: ProtocolRange;
  /** For people. */
  readonly build: string;
  /** What decides the bytes of its partials, see `ownMapping`. */
  readonly mapping: string;
}
