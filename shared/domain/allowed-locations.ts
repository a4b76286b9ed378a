import { normalize } from "node:path/posix";
import { ShardmillError } from "../core/errors.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { type Location, localPathOf, parseLocation, schemeOf } from "./location.ts";
import { exampleAddresses, STORE_SCHEMES } from "./store-schemes.ts";

/** Allows nothing: all comes by way of the coordinator. */
const NONE = "none";
/** All of a kind of place: `s3://`. */
const WHOLE_SCHEME = new RegExp(`^(${[...STORE_SCHEMES.keys(), "https?"].join("|")})://$`);
/** Forms of a bucket and a folder in it, in each store: for the hint. */
const BUCKET_PLACES = exampleAddresses("FOLDER");

/** A location cut into what must be the same, in order: scheme and authority, and the names on the way. */
interface Parts {
  readonly root: string;
  readonly names: readonly string[];
}

/**
 * Checks a list of what an operator allows: locations that stand for themselves and all below them, whole
 * schemes (`s3://`), or `none` alone.
 *
 * @returns it as {@link isAllowed} takes it
 * @throws {ARGUMENT_INVALID} with all entries that are none of these
 */
export function parseAllowed(texts: readonly string[], option: string): readonly string[] {
  const problems = texts.flatMap((text) => {
    const what = wrongWith(text, texts.length);
    return what === null ? [] : [{ where: option, what, found: withoutSecrets(text) }];
  });
  if (problems.length === 0) return texts[0] === NONE ? [] : texts;
  throw new ShardmillError("ARGUMENT_INVALID", `${option} names what is no place`, {
    problems,
    hint: `name ${["paths (/data)", ...BUCKET_PLACES, "servers (https://host/files)"].join(", ")}, or \`none\``,
  });
}

function wrongWith(text: string, count: number): string | null {
  if (text === NONE) return count === 1 ? null : "`none` stands alone";
  if (WHOLE_SCHEME.test(text)) return null;
  try {
    return partsOf(parseLocation(text)) === null ? "is a place that may be another one than it says" : null;
  } catch (error) {
    return error instanceof ShardmillError ? error.message : String(error);
  }
}

/**
 * Whether a location is one of those that are allowed, or below one. Links are not looked at: of a file on a
 * disk, ask for where they lead. What comes by way of the coordinator always is.
 */
export function isAllowed(location: Location, allowed: readonly string[]): boolean {
  const scheme = schemeOf(location);
  if (scheme === "coordinator") return true;
  const parts = partsOf(location);
  return allowed.some((text) => {
    if (WHOLE_SCHEME.test(text)) return text === `${scheme}://`;
    const place = partsOf(parseLocation(text));
    // What cannot be told where it leads is within what has no end alone.
    if (parts === null || place === null) return false;
    return parts.root === place.root && place.names.every((name, index) => parts.names[index] === name);
  });
}

/** What two lists of places allow both. */
export function bothAllow(some: readonly string[], others: readonly string[]): readonly string[] {
  const within = (text: string, allowed: readonly string[]) =>
    WHOLE_SCHEME.test(text) ? allowed.includes(text) : isAllowed(parseLocation(text), allowed);
  return [
    ...some.filter((text) => within(text, others)),
    ...others.filter((text) => within(text, some) && !some.includes(text)),
  ];
}

/** Null where names on the way lead back, as a server or a gateway may take them. */
function partsOf(location: Location): Parts | null {
  const scheme = schemeOf(location);
  if (scheme === "file") return { root: "/", names: namesIn(normalize(localPathOf(location))) };
  if (scheme === "http" || scheme === "https") return webParts(new URL(location));
  const [, authority = "", key = ""] = /^[^:]+:\/\/([^/]*)(.*)$/s.exec(location) ?? [];
  const names = namesIn(key);
  return names.some(leadsBack) ? null : { root: `${scheme}://${authority}`, names };
}

function webParts({ protocol, host, pathname }: URL): Parts | null {
  const names: string[] = [];
  for (const name of namesIn(pathname)) {
    let decoded: string;
    try {
      decoded = decodeURIComponent(name);
    } catch {
      return null;
    }
    if (decoded.split(/[/\\]/).some(leadsBack)) return null;
    names.push(decoded);
  }
  return { root: `${protocol}//${host}`, names };
}

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function leadsBack(name: string): boolean {
  return name === "." || name === "..";
}
