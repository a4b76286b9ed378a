import { basename, dirname } from "node:path/posix";
import { type Problem, ShardmillError } from "../core/errors.ts";
import { withoutTrailingSlashes } from "../core/without-slashes.ts";
import { exampleAddress, exampleAddresses, isBucketName, STORE_SCHEMES } from "./store-schemes.ts";

declare const brand: unique symbol;

/**
 * Canonical text for a file or a folder. Equal places have equal texts:
 *
 * | scheme | text |
 * |---|---|
 * | `file` | an absolute path on the machine that reads it: `/data/a.parquet` |
 * | `coordinator` | `coordinator:` and the location on the coordinator: `coordinator:/data/a` |
 * | others | the URI: `s3://bucket/key` |
 */
export type Location = string & { readonly [brand]: "Location" };

/** Facts that a storage returns without reading the file. */
export interface FileStat {
  readonly bytes: number;
  /** Opaque time of change, or etag. A change means that the file may have changed. */
  readonly version: string;
}

/** Status with the time of the last change, for storages that know it. */
export interface TimedStat extends FileStat {
  /** Milliseconds since 1970. */
  readonly modified?: number | undefined;
}

const BUCKETS = [...STORE_SCHEMES.keys()];
const SCHEMES: readonly string[] = ["file", "coordinator", ...BUCKETS, "https", "http"];

const COORDINATOR = "coordinator:";

/** URI such as `s3://bucket/key`. The scheme has at least two letters. */
const URI = /^([A-Za-z][A-Za-z0-9+.-]+):\/\/([^/]*)(.*)$/s;

/**
 * Parses a location: a URI, or an absolute path. All other code parses locations with this function.
 *
 * @throws {ARGUMENT_INVALID} when the text is not a location
 */
export function parseLocation(text: string): Location {
  const wrong = wrongWith(text);
  if (wrong !== null) {
    throw new ShardmillError("ARGUMENT_INVALID", `${JSON.stringify(text)} is not a location: ${wrong}`, {
      fields: { location: text },
      hint: `write an absolute path, or a URI of ${SCHEMES.join(", ")}`,
    });
  }
  const local = /^file:\/\/(?=\/)/i.exec(text);
  return (local === null ? text : decodeURIComponent(text.slice(local[0].length))) as Location;
}

export function isLocation(text: string): text is Location {
  return wrongWith(text) === null && !/^file:/i.test(text);
}

function wrongWith(text: string): string | null {
  if (text.includes("\0")) return "it contains a NUL character";
  if (text.startsWith("/")) return null;
  if (text.startsWith(COORDINATOR)) return wrongWith(text.slice(COORDINATOR.length));
  const [, scheme = "", authority = "", path = ""] = URI.exec(text) ?? [];
  if (scheme === "") return "it is neither an absolute path nor a URI";
  if (!SCHEMES.includes(scheme.toLowerCase())) return `no storage has the scheme ${scheme}`;
  if (scheme.toLowerCase() !== "file" && authority === "") return `${scheme}:// has no name after it`;
  if (/^https?$/i.test(scheme)) return isWebAddress(text) ? null : "it is not a web address";
  if (scheme.toLowerCase() !== "file") return null;
  if (authority !== "" || !path.startsWith("/")) return "file:// needs an absolute path after it";
  return isDecodable(path) ? null : "its percent-encoding is broken";
}

/** Checks that a text is a URL whose user name and password, if any, can be decoded. */
function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return isDecodable(username) && isDecodable(password);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

export function schemeOf(location: Location): string {
  if (location.startsWith("/")) return "file";
  const scheme = location.slice(0, location.indexOf(":")).toLowerCase();
  if (!SCHEMES.includes(scheme)) throw new Error(`broken invariant: a location ${location}`);
  return scheme;
}

/** Checks whether a location is in a bucket, not on a disk or a web server. */
export function isInBucket(location: Location): boolean {
  return STORE_SCHEMES.has(schemeOf(location));
}

/** Returns the path on this machine for a `file` location. */
export function localPathOf(location: Location): string {
  if (!location.startsWith("/")) throw new Error(`broken invariant: ${location} is not on this machine`);
  return location;
}

/** Returns the location through which others reach this place on the coordinator. */
export function viaCoordinator(location: Location): Location {
  return `${COORDINATOR}${location}` as Location;
}

/** Returns the coordinator's own location for one that begins with `coordinator:`. */
export function atCoordinator(location: Location): Location {
  if (!location.startsWith(COORDINATOR))
    throw new Error(`broken invariant: ${location} is not read by the coordinator`);
  return location.slice(COORDINATOR.length) as Location;
}

/** Returns a location below `folder`. A name may contain `/`. */
export function below(folder: Location, ...names: readonly string[]): Location {
  let path: string = folder.endsWith("/") ? folder.slice(0, -1) : folder;
  for (const name of names) path += `/${name}`;
  return path as Location;
}

/** Returns the last name of a location. It is empty for the root of a storage. */
export function nameOf(location: Location): string {
  return basename(pathOf(location));
}

/** Returns the folder of a location. The root of a storage is its own folder. */
export function folderOf(location: Location): Location {
  const path = pathOf(location);
  const root = location.slice(0, location.length - path.length);
  return `${root}${dirname(path === "" ? "/" : path)}` as Location;
}

/** Returns the part behind scheme and authority. */
function pathOf(location: Location): string {
  if (location.startsWith(COORDINATOR)) return pathOf(atCoordinator(location));
  if (location.startsWith("/")) return location;
  const path = URI.exec(location)?.[3] ?? "";
  return isWebInput(location) ? path.replace(/[?#].*$/s, "") : path;
}

/** Address such as `s3://bucket/key` or `file:///data`. The scheme has at least two letters. */
const ADDRESS = /^[A-Za-z][A-Za-z0-9+.-]+:\/\//;

/** Addresses that a job can read its input from. */
const INPUT_ADDRESS = new RegExp(`^(${[...BUCKETS, "https?"].join("|")})://`);
/** Addresses that a job can publish to. Without stores, `(?!)` matches nothing. */
const OUTPUT_ADDRESS = new RegExp(`^(${BUCKETS.join("|") || "(?!)"})://`);

/** Checks whether a text for input or output is an address, not a path. */
export function isAddress(text: string): boolean {
  return INPUT_ADDRESS.test(text);
}

/** Checks whether a text is a web address. Web servers have no folders to list. */
export function isWebInput(text: string): boolean {
  return /^https?:\/\//.test(text);
}

/**
 * Returns the reason why a text cannot be a path on this machine. Null: it can. As a relative path, an
 * address would mean a folder `s3:`.
 */
export function notAPath(text: string): Omit<Problem, "where"> | null {
  const [address] = ADDRESS.exec(text) ?? [];
  const expected = "a path on the coordinator's machine";
  if (address !== undefined) {
    return {
      what: "addresses are not supported here",
      expected,
      found: JSON.stringify(address),
      hint:
        address.toLowerCase() === "file://"
          ? "write the path alone, without `file://`"
          : "copy the data, or mount it, and name its path",
    };
  }
  return text.includes("\0") ? { what: "a path cannot contain a NUL character", expected } : null;
}

/** Forms of a place that a key of the job file names, besides a path on the coordinator's machine. */
interface PlaceForm {
  readonly address: RegExp;
  /** Placeholder for the part behind the bucket. */
  readonly name: "KEY" | "FOLDER";
  /** Example addresses of servers, for messages. */
  readonly servers: readonly string[];
  readonly hint?: string;
}

const INPUT: PlaceForm = { address: INPUT_ADDRESS, name: "KEY", servers: ["https://HOST/FILE"] };
const OUTPUT: PlaceForm = { address: OUTPUT_ADDRESS, name: "FOLDER", servers: [] };

/**
 * Returns the reason why a text cannot name input. Null: it can. Input is a path, an address, or a pattern of
 * either.
 */
export function notAnInput(text: string): Omit<Problem, "where"> | null {
  return notAPlace(text, { ...INPUT, hint: "write wildcards only after the bucket's name" });
}

/**
 * Returns the reason why a text cannot name a file of the job. Null: it can. A file is a path or an address,
 * not a pattern.
 */
export function notAFilePlace(text: string): Omit<Problem, "where"> | null {
  return notAPlace(text, INPUT);
}

/**
 * Returns the reason why a text cannot name the folder of the files in a column. Null: it can. All workers
 * read it, so it must not contain secrets.
 */
export function notAFolderPlace(text: string): Omit<Problem, "where"> | null {
  const problem = notAFilePlace(text);
  if (problem !== null || !isWebInput(text) || isPlainAddress(text)) return problem;
  return {
    what: "has a name, a password or a query, which a folder's address cannot have",
    expected: "https://HOST/FOLDER",
  };
}

/** Checks that a web address has no user name, password, query or hash. */
export function isPlainAddress(text: string): boolean {
  const { username, password, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === "";
}

/**
 * Returns the reason why a text cannot name an output. Null: it can. Output is a path on this machine, or a
 * folder in a bucket.
 */
export function notAnOutput(text: string): Omit<Problem, "where"> | null {
  const problem = notAPlace(text, OUTPUT);
  if (problem !== null || !isAddress(text)) return problem;
  const [, behind = ""] = /^[a-z0-9]+:\/\/[^/]*\/*(.*)$/s.exec(text) ?? [];
  const folder = withoutTrailingSlashes(behind);
  const odd = folder.split("/").find((name) => ["", ".", ".."].includes(name));
  if (odd === undefined) return null;
  const expected = "a folder whose names are neither empty nor only dots";
  return { what: "not every store keeps such a name", expected, found: JSON.stringify(text) };
}

function notAPlace(text: string, place: PlaceForm): Omit<Problem, "where"> | null {
  const addresses = [...exampleAddresses(place.name), ...place.servers].join(", ");
  const expected = ["a path on the coordinator's machine", ...(addresses && [addresses])].join(", or ");
  if (!place.address.test(text)) {
    const problem = notAPath(text);
    return problem === null ? null : { ...problem, expected };
  }
  // Do not show an invalid address: the position of its secrets is unknown.
  if (isWebInput(text)) return isWebAddress(text) ? null : { what: "is not a web address", expected };
  const [, scheme = "", bucket = ""] = /^([a-z0-9]+):\/\/([^/]*)/.exec(text) ?? [];
  if (isBucketName(bucket, scheme))
    return text.includes("\0") ? { what: "a key cannot contain a NUL character", expected } : null;
  const what = bucket === "" ? "an address without a bucket" : "no bucket can have this name";
  const hint = place.hint ?? `write ${exampleAddress(scheme, place.name)}`;
  return { what, expected, found: JSON.stringify(bucket), hint };
}
