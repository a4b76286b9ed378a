/** A file that a message names. */
export interface NamedFile {
  /** An address, or a path as whoever sent the message wrote it. No pattern. */
  readonly path: string;
  /** Which of the objects that were ever called so; null where that is not told. */
  readonly version: string | null;
}

/** What a message of a store says of its objects. */
export type Notice =
  /** New objects. */
  | { readonly kind: "files"; readonly files: readonly NamedFile[] }
  /** It asks for nothing: an object was removed, or the store tries whether messages come. */
  | { readonly kind: "nothing" }
  /** The text of another message, which a service on the way has wrapped. */
  | { readonly kind: "wrapped"; readonly text: string }
  | InvalidNotice;

interface InvalidNotice {
  readonly kind: "invalid";
  /** Place in the message: `Records[1]`. */
  readonly where: string;
  readonly what: string;
  readonly expected: string;
  readonly found: unknown;
}

/** Reads a message. Null: it is of something else. */
export type ReadNotice = (json: Readonly<Record<string, unknown>>) => Notice | null;
