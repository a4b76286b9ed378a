import { type ObjectPlace, uriEncoded, withPath } from "../object-store/object-place.ts";

/** Of the objects of a bucket. */
export function bucketPath({ bucket }: ObjectPlace): string {
  return `/storage/v1/b/${bucket}/o`;
}

export function objectPath(place: ObjectPlace): string {
  return `/storage/v1${partsOf(place)}`;
}

/** To where the store copies an object. */
export function rewritePath(from: ObjectPlace, to: ObjectPlace): string {
  return `${objectPath(from)}/rewriteTo${partsOf(to)}`;
}

function partsOf({ bucket, key }: ObjectPlace): string {
  return `/b/${bucket}/o/${uriEncoded(key)}`;
}

/** What is asked of the store of an endpoint, which may stand below a path. */
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

/** Another kind of version, of a plan made elsewhere, is no condition: it is compared with what is there. */
export function generationOf(version: string | null): Readonly<Record<string, string>> {
  return version !== null && /^\d+$/.test(version) ? { ifGenerationMatch: version } : {};
}
