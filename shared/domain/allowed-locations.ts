import { normalize } from "node:path/posix";
import { ShardmillError } from "../core/errors.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { type Location, localPathOf, parseLocation, schemeOf } from "./location.ts";
import { exampleAddresses, STORE_SCHEMES } from "./store-schemes.ts";

/** Allows no location but those that the coordinator serves. */
const NONE = "none";
/** Allows all locations of a scheme: `s3://`. */
const WHOLE_SCHEME = new RegExp(`^(${[...STORE_SCHEMES.keys(), "https?"].join("|")})://$`);
/** Examples of a bucket's folder in each store, for the hint. */
const BUCKET_PLACES = exampleAddresses("FOLDER");

/** Location, split into the parts that are compared: scheme and authority, then the names of the path. */
interface Parts {
  readonly root: string;
  readonly names: readonly string[];
}

/**
 * Checks an operator's list of allowed locations. An entry is a location (all below it included), a whole
 * scheme (`s3://`), or `none` alone.
 *
 * @returns the list for {@link isAllowed}
 * @throws {ARGUMENT_INVALID} with all invalid entries
 */
export function parseAllowed(texts: readonly string[], option: string): readonly string[] {
  const problems = texts.flatMap((text) => {
    const what = wrongWith(text, texts.length);
    return what === null ? [] : [{ where: option, what, found: withoutSecrets(text) }];
  });
  if (problems.length === 0) return texts[0] === NONE ? [] : texts;
  throw new ShardmillError("ARGUMENT_INVALID", `${option} names an invalid place`, {
    problems,
    hint: `name ${["paths (/data)", ...BUCKET_PLACES, "servers (https://host/files)"].join(", ")}, or \`none\``,
  });
}

function wrongWith(text: string, count: number): string | null {
  if (text === NONE) return count === 1 ? null : "`none` cannot be combined with places";
  if (WHOLE_SCHEME.test(text)) return null;
  try {
    return partsOf(parseLocation(text)) === null
      ? "may lead to another place by `.`, `..` or an invalid escape"
      : null;
  } catch (error) {
    return error instanceof ShardmillError ? error.message : String(error);
  }
}

/**
 * Checks whether a location is allowed, or is below an allowed one. Locations that the coordinator serves are
 * always allowed. Links are not resolved: pass the real path of a file on a disk.
 */
export function isAllowed(location: Location, allowed: readonly string[]): boolean {
  const scheme = schemeOf(location);
  if (scheme === "coordinator") return true;
  const parts = partsOf(location);
  return allowed.some((text) => {
    if (WHOLE_SCHEME.test(text)) return text === `${scheme}://`;
    const place = partsOf(parseLocation(text));
    // A location that may lead elsewhere is allowed only by its whole scheme.
    if (parts === null || place === null) return false;
    return parts.root === place.root && place.names.every((name, index) => parts.names[index] === name);
  });
}

/** Returns the locations that both lists allow. */
export function bothAllow(some: readonly string[], others: readonly string[]): readonly string[] {
  const within = (text: string, allowed: readonly string[]) =>
    WHOLE_SCHEME.test(text) ? allowed.includes(text) : isAllowed(parseLocation(text), allowed);
  return [
    ...some.filter((text) => within(text, others)),
    ...others.filter((text) => within(text, some) && !some.includes(text)),
  ];
}

/**
 * Splits a location. Null: its path has `.` or `..`, which a server or a gateway may resolve to another
 * place.
 */
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
