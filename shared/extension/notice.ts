/** File that a message names. */
export interface NamedFile {
  /** Address, or path as the sender wrote it. It is not a pattern. */
  readonly path: string;
  /** Version of the named object. Null: unknown. */
  readonly version: string | null;
}

/** Content of a store's message about its objects. */
export type Notice =
  /** New objects. */
  | { readonly kind: "files"; readonly files: readonly NamedFile[] }
  /** Message that requests nothing: an object was removed, or the store tests the connection. */
  | { readonly kind: "nothing" }
  /** Text of another message, wrapped by a service on the way. */
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

/** Reads a message. Null: the message has another topic. */
export type ReadNotice = (json: Readonly<Record<string, unknown>>) => Notice | null;
