import { extname } from "node:path";
import type { Problem } from "../../../shared/core/errors.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { SkippedTally } from "../../../shared/domain/skipped-files.ts";
import { placeProblem, reasonOf } from "../../../shared/storage/errors.ts";
import { realLocation } from "../../../shared/storage/real-location.ts";
import type { Entry, Unnameable } from "../../../shared/storage/storage.ts";
import { firstFile } from "./first-file.ts";
import {
  entryIn,
  type Folder,
  type FoundPath,
  isOutput,
  type ListingOptions,
  listFolder,
} from "./folder-listing.ts";
import { tableIn } from "./lake-table.ts";
import type { Choice, Selection } from "./selection.ts";

/** Decision about a folder: enter it, wait until more is known, or exclude it unlisted. */
export type FolderVerdict = "goInto" | "wait" | "ruleOut";

/** Decides which selected folders are entered. */
export interface FolderGate {
  verdict(folder: Location): FolderVerdict;
  /**
   * Learns from files of the dataset. Afterwards, no folder has to wait.
   *
   * @param files candidate files. The next one is used if one is not enough, and each costs some listings.
   */
  learn(waiting: readonly Location[], files: AsyncIterable<FoundPath>): Promise<void>;
  /** Receives each folder that stays excluded. */
  note(folder: Pick<FoundPath, "path" | "realPath">): void;
}

interface WalkOptions extends ListingOptions {
  readonly selection: Selection;
  /** True refuses folders of lake tables: they have files without rows of the table. Default: false. */
  readonly refusesTables?: boolean;
  /** Gate for selected folders. Default: all are entered. */
  readonly gate?: FolderGate | undefined;
  /** Receives the excluded files and folders. */
  readonly skippedFiles: SkippedTally;
}

interface Link {
  readonly path: Location;
  readonly relative: string;
  readonly parent: Folder;
}

interface MetUnnameable extends Unnameable {
  readonly relative: string;
  readonly parent: Folder;
}

/** Listings at once. Each is a round trip, and a long one to a bucket, and more would flood the storage. */
const FOLDERS_AT_ONCE = 16;

/** Files below a folder, and the problems of listing it. */
export interface Walked {
  readonly files: readonly FoundPath[];
  readonly problems: readonly Problem[];
}

/**
 * Lists the selected files below a folder that the job names, in no order. Follows links. Real paths prevent
 * reading a file twice and endless loops. Links are followed last, so that a file keeps its own name if it
 * has one. Outputs of jobs are not entered.
 */
export async function walkFolder(path: Location, options: WalkOptions): Promise<Walked> {
  const walk = new Walk(options);
  await walk.run(path);
  return walk;
}

class Walk implements Walked {
  readonly files: FoundPath[] = [];
  readonly problems: Problem[] = [];
  readonly #options: WalkOptions;
  readonly #folders: Folder[] = [];
  /** Folders for which the gate has no decision yet. */
  readonly #waiting: Folder[] = [];
  readonly #ruledOut: Folder[] = [];
  #gate: FolderGate | undefined;
  #root: Location | undefined;
  /** Links to follow, once all folders are listed. */
  readonly #links: Link[] = [];
  readonly #seenFolders = new Set<string>();
  readonly #seenFiles = new Set<string>();

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#gate = options.gate;
  }

  async run(path: Location): Promise<void> {
    this.#root = path;
    this.#folders.push({
      path,
      realPath: await realLocation(path, this.#options.storage, this.#options.signal),
      relative: "",
      parent: null,
    });
    await this.#readAll();
    if (this.files.length === 0 && this.#ruledOut.length > 0) await this.#findOne();
    for (const folder of this.#ruledOut) {
      this.#options.skippedFiles.note("ruledOutFolder", folder.path);
      this.#gate?.note(folder);
    }
    this.problems.sort((a, b) => (a.where < b.where ? -1 : 1));
  }

  async #readAll(): Promise<void> {
    await this.#readFolders();
    while (this.#links.length > 0) {
      // Sorted, so that of several links to one file the same is followed each time.
      const links = this.#links.splice(0).sort(byPath);
      for (const link of links) {
        await this.#follow(link);
        await this.#readFolders();
      }
    }
  }

  /** Lists all known folders and the folders in them. */
  async #readFolders(): Promise<void> {
    await this.#readOpen();
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.splice(0).sort(byPath);
      await this.#gate?.learn(
        waiting.map(({ path }) => path),
        this.#samples(waiting),
      );
      for (const folder of waiting) this.#enter(folder);
      await this.#readOpen();
    }
  }

  async #readOpen(): Promise<void> {
    const busy = new Set<Promise<void>>();
    for (;;) {
      this.#options.signal.throwIfAborted();
      while (busy.size < FOLDERS_AT_ONCE) {
        const folder = this.#folders.pop();
        if (folder === undefined) break;
        const reading: Promise<void> = this.#read(folder).finally(() => busy.delete(reading));
        busy.add(reading);
      }
      if (busy.size === 0) return;
      await Promise.race(busy);
    }
  }

  async #read(folder: Folder): Promise<void> {
    const { skippedFiles, signal } = this.#options;
    if (this.#isKnown(folder)) {
      skippedFiles.note("again", folder.path);
      return;
    }
    let entries: readonly Entry[];
    try {
      entries = await listFolder(folder, this.#options);
    } catch (error) {
      signal.throwIfAborted();
      this.problems.push(placeProblem(folder.path, "cannot be listed", error));
      return;
    }
    const table = this.#options.refusesTables === true ? tableIn(folder.path, entries) : null;
    if (table !== null) this.problems.push(table);
    else if (await isOutput(folder, entries, this.#options)) skippedFiles.note("jobOutput", folder.path);
    else for (const entry of entries) this.#meet(entry, folder);
  }

  /**
   * Checks whether a folder was listed already. If the path matters, only an ancestor counts, which would
   * loop endlessly.
   */
  #isKnown({ realPath, parent }: Folder): boolean {
    if (!this.#options.selection.wayMatters) {
      const isKnown = this.#seenFolders.has(realPath);
      this.#seenFolders.add(realPath);
      return isKnown;
    }
    for (let above = parent; above !== null; above = above.parent) {
      if (above.realPath === realPath) return true;
    }
    return false;
  }

  #meet({ name, kind, stat, unnameable }: Entry, parent: Folder): void {
    const { path, realPath, relative } = entryIn(parent, name);
    if (unnameable !== null) this.#meetUnnameable(kind, { relative, parent, ...unnameable });
    else if (kind === "link") this.#links.push({ path, relative, parent });
    else if (kind === "folder") this.#meetFolder({ path, realPath, relative, parent });
    else this.#meetFile({ path, realPath, stat, root: this.#root }, relative);
  }

  #meetFolder(folder: Folder): void {
    if (this.#isTaken(this.#options.selection.folder(folder.relative), folder.path)) this.#enter(folder);
  }

  #enter(folder: Folder): void {
    const verdict = this.#gate?.verdict(folder.path) ?? "goInto";
    if (verdict === "goInto") this.#folders.push(folder);
    else if (verdict === "wait") this.#waiting.push(folder);
    else if (this.#isKnown(folder)) this.#options.skippedFiles.note("again", folder.path);
    else this.#ruledOut.push(folder);
  }

  #meetFile(file: FoundPath, relative: string): void {
    if (!this.#isTaken(this.#options.selection.file(relative), file.path)) return;
    if (this.#seenFiles.has(file.realPath)) this.#options.skippedFiles.note("again", file.path);
    else this.files.push(file);
    this.#seenFiles.add(file.realPath);
  }

  #isTaken(choice: Choice, path: string): boolean {
    if (choice !== "take" && choice !== "pass") this.#options.skippedFiles.note(choice, path);
    return choice === "take";
  }

  async #follow({ path, relative, parent }: Link): Promise<void> {
    const { selection } = this.#options;
    const choices = [selection.file(relative), selection.folder(relative)];
    // A link that is not selected may lead nowhere.
    if (choices.every((choice) => choice !== "take")) {
      const choice = choices.find((each) => each !== "pass");
      if (choice !== undefined) this.#isTaken(choice, path);
      return;
    }
    const { storage, signal } = this.#options;
    try {
      const [realPath, kind] = await Promise.all([storage.real(path, signal), storage.kindAt(path, signal)]);
      if (kind === "folder") this.#meetFolder({ path, realPath, relative, parent });
      else this.#meetFile({ path, realPath, stat: null, root: this.#root }, relative);
    } catch (error) {
      signal.throwIfAborted();
      const isOther = choices[0] === "otherEnding" && extname(path) !== "";
      if (isOther) this.#options.skippedFiles.note("otherEnding", path);
      else this.problems.push(brokenLink(path, error));
    }
  }

  /** Yields files from which the gate may learn: of the first folder that has any, and of the last. */
  async *#samples(waiting: readonly Folder[]): AsyncGenerator<FoundPath> {
    const first = await firstFile(waiting, this.#options);
    if (first === null) return;
    yield first;
    const last = await firstFile(waiting.toReversed(), this.#options);
    if (last !== null && last.path !== first.path) yield last;
  }

  /**
   * Adds one file if all files are in excluded folders: an input with excluded files differs from an empty
   * one. If a short search finds none, lists all folders.
   */
  async #findOne(): Promise<void> {
    const one = await firstFile(this.#ruledOut.sort(byPath), this.#options);
    if (one !== null) {
      this.files.push(one);
      return;
    }
    this.#gate = undefined;
    for (const folder of this.#ruledOut.splice(0)) {
      this.#seenFolders.delete(folder.realPath);
      this.#folders.push(folder);
    }
    await this.#readAll();
  }

  #meetUnnameable(kind: Entry["kind"], { relative, parent, shown, why }: MetUnnameable): void {
    const { selection } = this.#options;
    const where = below(parent.path, shown);
    const choice = kind === "folder" ? selection.folder(relative) : selection.file(relative);
    if (this.#isTaken(choice, where)) this.problems.push({ where, what: why, hint: "rename it" });
  }
}

function byPath(a: { readonly path: Location }, b: { readonly path: Location }): number {
  return a.path < b.path ? -1 : 1;
}

function brokenLink(path: string, error: unknown): Problem {
  return {
    where: path,
    what: `is a link that cannot be followed: ${reasonOf(error)}`,
    hint: "remove the link, or fix its target",
  };
}
