import { EXTENSIONS } from "#extensions";

/** Files of extensions that an output may have beside its manifest. */
export const BESIDES = EXTENSIONS.flatMap(({ beside }) => beside ?? []);

/** Returns the files that a job asks for, by the keys of its `output`. */
export function requestedBesides(output: object): typeof BESIDES {
  return BESIDES.filter(({ key }) => valueAt(output, key) === true);
}

/** Returns the files that the output of a manifest has. */
export function besidesOf(manifest: object): typeof BESIDES {
  return BESIDES.filter(({ key }) => valueAt(manifest, key) !== undefined);
}

/** Value of a key that the compiler does not know. */
function valueAt(from: object, key: string): unknown {
  return (from as Readonly<Record<string, unknown>>)[key];
}
