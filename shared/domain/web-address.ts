import { sha256 } from "../core/digest.ts";
import type { Location } from "./location.ts";
import { STORE_SIGNATURES } from "./store-schemes.ts";

/** Web address, split into a public location and a secret. */
interface SealedAddress {
  /** Address without query, user name and password. It may be shown and stored anywhere. */
  readonly location: Location;
  /** Complete address. It is a secret, because it gives access to the file. Null: equal to `location`. */
  readonly address: string | null;
}

/**
 * Removes possible secrets from an address: user name, password and query. Different queries give different
 * locations, by a digest. The digest ignores signatures, so a renewed signature keeps the location.
 *
 * @param text a web address that passes `isLocation`
 */
export function sealAddress(text: string): SealedAddress {
  const url = new URL(text);
  url.hash = "";
  const { username, password, search } = url;
  const address = url.href;
  const query = lastingQuery(url.searchParams);
  url.username = "";
  url.password = "";
  url.search = "";
  const place = query === "" ? url.href : `${url.href}#${sha256(query).slice(0, DIGEST_CHARS)}`;
  return { location: place as Location, address: `${username}${password}${search}` === "" ? null : address };
}

/** Digests of this length are distinct for some hundred thousand files with one path. */
const DIGEST_CHARS = 12;

/** Replacement for a query in a sealed location. */
export const SEALED_QUERY = /^#[0-9a-f]{12}$/;

/** Names of signature parameters that many servers share. They change with each signature. */
const SIGNATURE = /^(signature|sig|expires|policy|key-pair-id|hash-algorithm|(access_?)?token)$/i;

function lastingQuery(parameters: URLSearchParams): string {
  const signatures = STORE_SIGNATURES.filter(
    ({ requires }) => requires === undefined || parameters.has(requires),
  ).map(({ names }) => names);
  const forms = [SIGNATURE, ...signatures];
  const lasting = [...parameters].filter(([name]) => !forms.some((form) => form.test(name)));
  return new URLSearchParams(lasting).toString();
}
