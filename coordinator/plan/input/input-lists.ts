import { posix, resolve } from "node:path";
import type { Problem } from "../../../shared/core/errors.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { withoutTrailingSlashes } from "../../../shared/core/without-slashes.ts";
import { isTableFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import {
  folderOf,
  isWebInput,
  type Location,
  notAnInput,
  parseLocation,
} from "../../../shared/domain/location.ts";
import { sealAddress } from "../../../shared/domain/web-address.ts";
import {
  literalFolder,
  literalPattern,
  literalText,
  shownPath,
  splitPattern,
} from "../../../shared/job-file/path-pattern.ts";
import { isNotAFile, placeProblem } from "../../../shared/storage/errors.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { extensionOf, INFERRED } from "./data-extensions.ts";
import type { ListedPath } from "./list-path.ts";

const LIST_EXTENSION = ".txt";

/** Size limit of a list: some hundred thousand lines. */
const MOST_LIST_BYTES = 64 << 20;

/** Limit of all signed addresses: each worker receives them in one message. */
const MOST_ADDRESS_BYTES = 8 << 20;

/** A path or pattern that names input. */
interface NamedInput {
  /** A file, a folder or a pattern. For the web: the sealed location, which is no pattern. */
  readonly path: string;
  /** Place that names the input, such as the line of a list. Null: the job file. */
  readonly where: string | null;
}

interface ListsOptions {
  readonly format: JobSpec["input"]["format"];
  readonly storages: Storages;
  /** Returns the files of any extension that match a pattern. */
  readonly match: (pattern: string) => Promise<Pick<ListedPath, "files" | "problems">>;
  /** Receives the full addresses of sealed locations. */
  readonly addresses: Record<Location, string>;
  readonly signal: AbortSignal;
}

interface ExpandedInput {
  readonly named: readonly NamedInput[];
  readonly problems: readonly Problem[];
}

/**
 * Expands the paths of a job's input: replaces each list by the names in it. Also removes possible secrets
 * from addresses, before other code sees them.
 */
export async function expandInput(paths: readonly string[], options: ListsOptions): Promise<ExpandedInput> {
  const expander = new InputExpander(options);
  for (const path of paths) await expander.take({ path, where: null });
  return expander.result();
}

class InputExpander {
  readonly #options: ListsOptions;
  readonly #named: NamedInput[] = [];
  readonly #problems: Problem[] = [];
  #addressBytes = 0;
  /** Original text of each sealed location. */
  readonly #written = new Map<Location, string>();

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  async take({ path, where }: NamedInput): Promise<void> {
    const isWeb = isWebInput(path);
    const name = isWeb ? this.#seal(literalText(path), where) : path;
    if (!this.#isList(name)) this.#named.push({ path: name, where });
    else if (where === null) await this.#takeLists(name, isWeb);
    else this.#problems.push({ where, what: "names another list", hint: "name that list in input.path" });
  }

  /** Reads a list. A pattern names all lists that match it, in the order of their paths. */
  async #takeLists(name: string, isWeb: boolean): Promise<void> {
    if (isWeb || splitPattern(name).pattern === null)
      return await this.#takeList(parseLocation(isWeb ? name : literalText(name)));
    const { files, problems } = await this.#options.match(name);
    for (const problem of problems) this.#problems.push(problem);
    for (const { path } of files) await this.#takeList(path);
  }

  result(): ExpandedInput {
    if (this.#addressBytes > MOST_ADDRESS_BYTES) {
      this.#problems.push({
        where: "input.path",
        what: "names signed addresses that are too long in total to be sent to workers",
        expected: `at most ${formatBytes(MOST_ADDRESS_BYTES)}`,
        found: formatBytes(this.#addressBytes),
        hint: "name the objects by their address in a bucket, which needs no signature, or run the job in parts",
      });
    }
    return { named: this.#named, problems: this.#problems };
  }

  /** Checks whether a name is a list. A text file is data if the job's format says so. */
  #isList(name: string): boolean {
    const { format } = this.#options;
    const mayList = format === "auto" || format === INFERRED || isTableFormat(format);
    return mayList && extensionOf(name) === LIST_EXTENSION;
  }

  #seal(text: string, where: string | null): Location {
    const { location, address } = sealAddress(text);
    const before = this.#written.get(location) ?? text;
    this.#written.set(location, before);
    // Both addresses seal to one location, so only one would be read, although they may be two files.
    if (before !== text)
      this.#problems.push({
        where: where ?? location,
        what: "is named twice, by addresses that differ only in their signature",
        expected: "one address for each file: a token, a policy or a time of expiry does not identify a file",
        found: location,
        hint: "remove one of the addresses, or name two different files by their paths",
      });
    if (address === null) return location;
    this.#addressBytes += Object.hasOwn(this.#options.addresses, location) ? 0 : address.length;
    this.#options.addresses[location] = address;
    return location;
  }

  async #takeList(list: Location): Promise<void> {
    const { signal } = this.#options;
    const text = await this.#read(list);
    if (text === null) return;
    for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
      signal.throwIfAborted();
      const name = line.trim();
      if (name === "" || name.startsWith("#")) continue;
      const where = `${shownPath(list)} line ${index + 1}`;
      const named = nameFrom(name, list);
      const problem = named === null ? null : notAnInput(`${named.folder}${named.name}`);
      if (named === null)
        this.#problems.push({
          where,
          what: "a list on a web server cannot name a path",
          hint: "write whole addresses",
        });
      else if (problem !== null) this.#problems.push({ where, ...problem });
      else await this.take({ path: isWebInput(named.name) ? named.name : patternOf(named), where });
    }
  }

  async #read(list: Location): Promise<string | null> {
    const { storages, signal } = this.#options;
    try {
      const storage = await storages.at(list);
      const { bytes } = await storage.stat(list, signal);
      if (bytes <= MOST_LIST_BYTES) return await readText(storage, list, signal);
      const what = `is a list of ${formatBytes(bytes)}`;
      this.#problems.push({ where: list, what, expected: `at most ${formatBytes(MOST_LIST_BYTES)}` });
    } catch (error) {
      signal.throwIfAborted();
      if (isNotAFile(error)) return this.#passFolder(list);
      this.#problems.push(placeProblem(list, "a list that cannot be read", error));
    }
    return null;
  }

  /** Accepts a folder whose name looks like a list. */
  #passFolder(folder: Location): null {
    this.#named.push({ path: literalPattern(folder), where: null });
    return null;
  }
}

/** Name in a line of a list. `folder` is its base, and empty for an address or an absolute path. */
interface Line {
  readonly folder: string;
  readonly name: string;
}

/**
 * Resolves a line: an address, an absolute path, or a path relative to the list's folder. Leading `..` move
 * the folder up. Null: a relative path in a list on the web.
 */
function nameFrom(text: string, list: Location): Line | null {
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(text) || text.startsWith("/")) return { folder: "", name: text };
  if (isWebInput(list)) return null;
  if (!list.startsWith("/")) return { folder: `${folderOf(list)}/`, name: text.replace(/^(\.\/)+/, "") };
  const [, up = "", rest = ""] = /^((?:\.\.(?:\/|$))*)(.*)$/s.exec(posix.normalize(text)) ?? [];
  const name = rest === "." ? "" : rest;
  const folder = resolve(folderOf(list), up);
  return { folder: name === "" ? folder : `${withoutTrailingSlashes(folder)}/`, name };
}

/**
 * Converts a line to a pattern, as in a job file. The folder part is literal, since it only says where the
 * list is.
 */
function patternOf({ folder, name }: Line): string {
  return `${literalFolder(folder)}${literalPattern(name)}`;
}
