/** Protocol versions that a peer supports, both ends included. */
export interface ProtocolRange {
  readonly oldest: number;
  readonly newest: number;
}

/** Versions of a Shardmill process. */
export interface Versions {
  readonly protocol: ProtocolRange;
  /** Version text for people. */
  readonly build: string;
  /** Identifies all that determines the bytes of its partials, see `ownMapping`. */
  readonly mapping: string;
}
