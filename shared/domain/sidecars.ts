import { EXTENSIONS } from "#extensions";

/** Files that extensions can write beside the manifest. */
export const SIDECARS = EXTENSIONS.flatMap(({ sidecar }) => sidecar ?? []);

/** Returns the files that a job requests, by the keys of its `output`. */
export function requestedSidecars(output: object): typeof SIDECARS {
  return SIDECARS.filter(({ key }) => valueAt(output, key) === true);
}

/** Returns the files that lie beside a manifest. */
export function sidecarsOf(manifest: object): typeof SIDECARS {
  return SIDECARS.filter(({ key }) => valueAt(manifest, key) !== undefined);
}

/** Reads a key that the compiler does not know. */
function valueAt(from: object, key: string): unknown {
  return (from as Readonly<Record<string, unknown>>)[key];
}
