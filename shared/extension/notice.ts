/** A file that a message names. */
export interface NamedFile {
  /** Address, or path as the sender wrote it. No pattern. */
  readonly path: string;
  /** Version of the object of this name. Null: unknown. */
  readonly version: string | null;
}

/** Content of a message that a store sends about its objects. */
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
