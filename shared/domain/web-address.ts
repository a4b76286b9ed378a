import { sha256 } from "../core/digest.ts";
import type { Location } from "./location.ts";
import { STORE_SIGNATURES } from "./store-schemes.ts";

/** An address of the web, and what may be shown of it. */
interface SealedAddress {
  /** Without a query, a name and a password: what may be written anywhere. */
  readonly location: Location;
  /** All of it, which is a secret: whoever has it may read the file; null where `location` says all. */
  readonly address: string | null;
}

/**
 * Takes what may be a secret out of an address: name, password and query. Queries that differ in more than
 * their signature lead to other files, so their places differ, by a digest; an address that was signed anew
 * leads to the same place.
 *
 * @param text that `isLocation`
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

/** Some hundred thousand files behind one path have no two digests that are equal. */
const DIGEST_CHARS = 12;

/** What stands for a query in a sealed location. */
export const SEALED_QUERY = /^#[0-9a-f]{12}$/;

/** Parameters of signatures that many servers share. They change with each signature. */
const SIGNATURE = /^(signature|sig|expires|policy|key-pair-id|hash-algorithm|(access_?)?token)$/i;

function lastingQuery(parameters: URLSearchParams): string {
  const signatures = STORE_SIGNATURES.filter(
    ({ beside }) => beside === undefined || parameters.has(beside),
  ).map(({ names }) => names);
  const forms = [SIGNATURE, ...signatures];
  const lasting = [...parameters].filter(([name]) => !forms.some((form) => form.test(name)));
  return new URLSearchParams(lasting).toString();
}
