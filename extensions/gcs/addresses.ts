import { type ObjectPlace, uriEncoded, withPath } from "../object-store/object-place.ts";

/** Returns the path of a bucket's objects. */
export function bucketPath({ bucket }: ObjectPlace): string {
  return `/storage/v1/b/${bucket}/o`;
}

export function objectPath(place: ObjectPlace): string {
  return `/storage/v1${partsOf(place)}`;
}

/** Returns the path that copies an object. */
export function rewritePath(from: ObjectPlace, to: ObjectPlace): string {
  return `${objectPath(from)}/rewriteTo${partsOf(to)}`;
}

function partsOf({ bucket, key }: ObjectPlace): string {
  return `/b/${bucket}/o/${uriEncoded(key)}`;
}

/** Returns the URL of a request. The endpoint may have a path of its own. */
export function addressOf(
  endpoint: URL,
  place: ObjectPlace,
  { path, query }: { readonly path: string; readonly query: Readonly<Record<string, string>> },
): URL {
  const url = withPath(endpoint, place, `${endpoint.pathname.replace(/\/$/, "")}${path}`);
  url.search = Object.entries(query)
    .map(([name, value]) => `${name}=${uriEncoded(value)}`)
    .join("&");
  return url;
}

/**
 * Returns the condition for a version. A version of another kind, from a plan made elsewhere, gives none. It
 * is compared with the response instead.
 */
export function generationOf(version: string | null): Readonly<Record<string, string>> {
  return version !== null && /^\d+$/.test(version) ? { ifGenerationMatch: version } : {};
}
