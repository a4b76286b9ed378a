import { basename, dirname } from "node:path/posix";
import { type Problem, ShardmillError } from "../core/errors.ts";
import { withoutTrailingSlashes } from "../core/without-slashes.ts";
import { exampleAddress, exampleAddresses, isBucketName, STORE_SCHEMES } from "./store-schemes.ts";

declare const brand: unique symbol;

/**
 * Where bytes are: one file, or a folder of them. The text is canonical, so equal places have equal texts:
 *
 * | scheme | text |
 * |---|---|
 * | `file` | an absolute path on the machine that reads it: `/data/a.parquet` |
 * | `coordinator` | `coordinator:` and the location that the coordinator itself has: `coordinator:/data/a` |
 * | others | the URI: `s3://bucket/key` |
 */
export type Location = string & { readonly [brand]: "Location" };

/** What a storage tells of a file without reading it. */
export interface FileStat {
  readonly bytes: number;
  /**
   * Opaque: another one means that the file may have changed. A time of change, or an etag; never
   * interpreted.
   */
  readonly version: string;
}

const BUCKETS = [...STORE_SCHEMES.keys()];
const SCHEMES: readonly string[] = ["file", "coordinator", ...BUCKETS, "https", "http"];

const COORDINATOR = "coordinator:";

/** `s3://bucket/key`: the scheme is two letters or more. */
const URI = /^([A-Za-z][A-Za-z0-9+.-]+):\/\/([^/]*)(.*)$/s;

/**
 * The one parser of locations: a URI, or a bare absolute path, which is a file.
 *
 * @throws {ARGUMENT_INVALID} when the text is none
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
  if (text.includes("\0")) return "it has a NUL character in it";
  if (text.startsWith("/")) return null;
  if (text.startsWith(COORDINATOR)) return wrongWith(text.slice(COORDINATOR.length));
  const [, scheme = "", authority = "", path = ""] = URI.exec(text) ?? [];
  if (scheme === "") return "it is neither an absolute path nor a URI";
  if (!SCHEMES.includes(scheme.toLowerCase())) return `no storage has the scheme ${scheme}`;
  if (scheme.toLowerCase() !== "file" && authority === "") return `${scheme}:// has no name behind it`;
  if (/^https?$/i.test(scheme)) return isWebAddress(text) ? null : "it is no address of the web";
  if (scheme.toLowerCase() !== "file") return null;
  if (authority !== "" || !path.startsWith("/")) return "file:// is followed by an absolute path";
  return isDecodable(path) ? null : "its percent-encoding is broken";
}

/** Whether it has a host, and a name and a password, if any, that can be told to that. */
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

/** An object of a store: not a file of a disk, nor of a web server. */
export function isInBucket(location: Location): boolean {
  return STORE_SCHEMES.has(schemeOf(location));
}

/** The path on this machine that a `file` location means. */
export function localPathOf(location: Location): string {
  if (!location.startsWith("/")) throw new Error(`broken invariant: ${location} is not on this machine`);
  return location;
}

/** The same place, reached by way of the coordinator. */
export function viaCoordinator(location: Location): Location {
  return `${COORDINATOR}${location}` as Location;
}

/** What the coordinator itself calls a place that is reached by way of it. */
export function atCoordinator(location: Location): Location {
  if (!location.startsWith(COORDINATOR)) throw new Error(`broken invariant: ${location} is not reached so`);
  return location.slice(COORDINATOR.length) as Location;
}

/** A file or folder below `folder`. Names are not looked into: one with `/` in it leads further down. */
export function below(folder: Location, ...names: readonly string[]): Location {
  const base = folder.endsWith("/") ? folder.slice(0, -1) : folder;
  return [base, ...names].join("/") as Location;
}

/** The last name of a location; empty for the root of a storage. */
export function nameOf(location: Location): string {
  return basename(pathOf(location));
}

/** The folder that a location is in; the root of a storage is its own. */
export function folderOf(location: Location): Location {
  const path = pathOf(location);
  const root = location.slice(0, location.length - path.length);
  return `${root}${dirname(path === "" ? "/" : path)}` as Location;
}

/** What comes behind scheme and authority. */
function pathOf(location: Location): string {
  if (location.startsWith(COORDINATOR)) return pathOf(atCoordinator(location));
  if (location.startsWith("/")) return location;
  const path = URI.exec(location)?.[3] ?? "";
  return isWebInput(location) ? path.replace(/[?#].*$/s, "") : path;
}

/** `s3://bucket/key`, `file:///data`: the scheme is two letters or more. */
const ADDRESS = /^[A-Za-z][A-Za-z0-9+.-]+:\/\//;

/** The addresses that a job may read its input from, and can look into. */
const INPUT_ADDRESS = new RegExp(`^(${[...BUCKETS, "https?"].join("|")})://`);
/** ... and publish to. */
const OUTPUT_ADDRESS = new RegExp(`^(${BUCKETS.join("|") || "(?!)"})://`);

/** Whether a text that names input or output is an address, and not a path. */
export function isAddress(text: string): boolean {
  return INPUT_ADDRESS.test(text);
}

/** ... of the web: there is nothing to look into but the file itself. */
export function isWebInput(text: string): boolean {
  return /^https?:\/\//.test(text);
}

/**
 * Why a text cannot be a path on this machine; null when it can. As a relative path, an address would be a
 * folder `s3:`.
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
  return text.includes("\0") ? { what: "no path has a NUL character in it", expected } : null;
}

/** Place that a key of the job file names, besides a path on the coordinator's machine. */
interface PlaceForm {
  readonly address: RegExp;
  /** Placeholder of what stands behind the bucket. */
  readonly name: "KEY" | "FOLDER";
  /** Addresses of servers, for messages. */
  readonly servers: readonly string[];
  readonly hint?: string;
}

const INPUT: PlaceForm = { address: INPUT_ADDRESS, name: "KEY", servers: ["https://HOST/FILE"] };
const OUTPUT: PlaceForm = { address: OUTPUT_ADDRESS, name: "FOLDER", servers: [] };

/** Why a text cannot name input: a path on this machine or an address, either of them a pattern. */
export function notAnInput(text: string): Omit<Problem, "where"> | null {
  return notAPlace(text, { ...INPUT, hint: "wildcards stand behind the bucket's name" });
}

/**
 * Why a text cannot name a file of the job: a path on this machine or an address, neither of them a pattern.
 */
export function notAFilePlace(text: string): Omit<Problem, "where"> | null {
  return notAPlace(text, INPUT);
}

/** ... a folder that rows name files in, which each worker reads: nothing in it may be a secret. */
export function notAFolderPlace(text: string): Omit<Problem, "where"> | null {
  const problem = notAFilePlace(text);
  if (problem !== null || !isWebInput(text) || isPlainAddress(text)) return problem;
  return {
    what: "has a name, a password or a query in it, which no file in a folder has",
    expected: "https://HOST/FOLDER",
  };
}

/** An address of the web that is nothing but a place. */
export function isPlainAddress(text: string): boolean {
  const { username, password, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === "";
}

/** Why a text cannot name an output: a path on this machine, or the address of a folder in a bucket. */
export function notAnOutput(text: string): Omit<Problem, "where"> | null {
  const problem = notAPlace(text, OUTPUT);
  if (problem !== null || !isAddress(text)) return problem;
  const [, behind = ""] = /^[a-z0-9]+:\/\/[^/]*\/*(.*)$/s.exec(text) ?? [];
  const folder = withoutTrailingSlashes(behind);
  const odd = folder.split("/").find((name) => ["", ".", ".."].includes(name));
  if (odd === undefined) return null;
  const expected = "a folder whose names are not empty, nor only dots";
  return { what: "no store is sure to keep such a name", expected, found: JSON.stringify(text) };
}

function notAPlace(text: string, place: PlaceForm): Omit<Problem, "where"> | null {
  const addresses = [...exampleAddresses(place.name), ...place.servers].join(", ");
  const expected = ["a path on the coordinator's machine", ...(addresses && [addresses])].join(", or ");
  if (!place.address.test(text)) {
    const problem = notAPath(text);
    return problem === null ? null : { ...problem, expected };
  }
  // Of an address that is none, what is a secret cannot be told.
  if (isWebInput(text)) return isWebAddress(text) ? null : { what: "is no address of the web", expected };
  const [, scheme = "", bucket = ""] = /^([a-z0-9]+):\/\/([^/]*)/.exec(text) ?? [];
  if (isBucketName(bucket, scheme))
    return text.includes("\0") ? { what: "no key has a NUL character in it", expected } : null;
  const what = bucket === "" ? "an address without a bucket" : "no bucket is called so";
  const hint = place.hint ?? `write ${exampleAddress(scheme, place.name)}`;
  return { what, expected, found: JSON.stringify(bucket), hint };
}
