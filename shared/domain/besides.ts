import { EXTENSIONS } from "#extensions";

/** Files that extensions can write beside the manifest. */
export const BESIDES = EXTENSIONS.flatMap(({ beside }) => beside ?? []);

/** Returns the files that a job requests, by the keys of its `output`. */
export function requestedBesides(output: object): typeof BESIDES {
  return BESIDES.filter(({ key }) => valueAt(output, key) === true);
}

/** Returns the files that lie beside a manifest. */
export function besidesOf(manifest: object): typeof BESIDES {
  return BESIDES.filter(({ key }) => valueAt(manifest, key) !== undefined);
}

/** Reads a key that the compiler does not know. */
function valueAt(from: object, key: string): unknown {
  return (from as Readonly<Record<string, unknown>>)[key];
}
