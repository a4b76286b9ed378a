import { extname } from "node:path";
import type { Problem } from "../../../shared/core/errors.ts";
import type { LeftOutTally } from "../../../shared/domain/left-out.ts";
import { below, type FileStat, type Location } from "../../../shared/domain/location.ts";
import { placeProblem, reasonOf } from "../../../shared/storage/errors.ts";
import { realLocation } from "../../../shared/storage/real-location.ts";
import type { Entry, Storage, Unnameable } from "../../../shared/storage/storage.ts";
import { jobOutputState } from "./job-output.ts";
import type { Choice, Selection } from "./selection.ts";

/** A file under the name that led to it, and the one that it has without links. */
export interface FoundPath {
  readonly path: Location;
  readonly realPath: Location;
  /** Where its listing told it. */
  readonly stat: FileStat | null;
}

interface WalkOptions {
  readonly selection: Selection;
  /** Told of what is left out. */
  readonly leftOut: LeftOutTally;
  /** This job's output folder, without links: it is no input, whatever is in it. */
  readonly ownOutput: Location | null;
  readonly storage: Storage;
  /** Told of each so many files that are listed, whether they are selected or not. */
  readonly onFound?: ((files: number) => void) | undefined;
  readonly signal: AbortSignal;
}

interface Link {
  readonly path: Location;
  readonly relative: string;
  readonly parent: Folder;
}

interface Folder extends Omit<FoundPath, "stat"> {
  /** Relative to the first folder, with `/`; empty for that one. */
  readonly relative: string;
  readonly parent: Folder | null;
}

interface MetUnnameable extends Unnameable {
  readonly relative: string;
  readonly parent: Folder;
}

/** A listing is a round trip, in a bucket a long one: many at once, but not so many as to flood it. */
const FOLDERS_AT_ONCE = 16;

/** What is below a folder, and what stands in the way of knowing it. */
export interface Walked {
  readonly files: readonly FoundPath[];
  readonly problems: readonly Problem[];
}

/**
 * The selected files below a folder that the job names, in no order. Links are followed; what has been
 * reached is known by its real path, so that nothing is read twice and no circle has no end. What is there
 * under its own name keeps that: links come last. Outputs of jobs are not gone into.
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
  /** What links lead to, each to be looked at when nothing else is left. */
  readonly #links: Link[] = [];
  readonly #seenFolders = new Set<string>();
  readonly #seenFiles = new Set<string>();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  async run(path: Location): Promise<void> {
    this.#folders.push({
      path,
      realPath: await realLocation(path, this.#options.storage, this.#options.signal),
      relative: "",
      parent: null,
    });
    await this.#readFolders();
    while (this.#links.length > 0) {
      // In order, so that of several links to one file the same one is followed each time.
      const links = this.#links.splice(0).sort((a, b) => (a.path < b.path ? -1 : 1));
      for (const link of links) {
        await this.#follow(link);
        await this.#readFolders();
      }
    }
    this.problems.sort((a, b) => (a.where < b.where ? -1 : 1));
  }

  /** Those that are known of, and those in them. */
  async #readFolders(): Promise<void> {
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
    const { path, realPath, parent } = folder;
    const { leftOut, ownOutput, storage, onFound, signal } = this.#options;
    if (this.#isKnown(folder)) {
      leftOut.note("again", path);
      return;
    }
    const entries: Entry[] = [];
    try {
      for await (const page of storage.list(path, { signal })) {
        for (const entry of page) entries.push(entry);
        onFound?.(page.filter(({ kind }) => kind === "file").length);
      }
    } catch (error) {
      signal.throwIfAborted();
      this.problems.push(placeProblem(path, "cannot be listed", error));
      return;
    }
    const names = entries.map(({ name }) => name);
    const isOutput = realPath === ownOutput || (await jobOutputState(path, names, this.#options)) !== "none";
    if (parent !== null && isOutput) {
      leftOut.note("jobOutput", path);
      return;
    }
    for (const entry of entries) this.#meet(entry, folder);
  }

  /**
   * A folder that was read; where the way to it matters, only one that it lies in, which would have no end.
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
    const path = below(parent.path, name);
    const relative = parent.relative === "" ? name : `${parent.relative}/${name}`;
    // One text for both where no link led here: there may be millions of them.
    const realPath = parent.realPath === parent.path ? path : below(parent.realPath, name);
    if (unnameable !== null) this.#meetUnnameable(kind, { relative, parent, ...unnameable });
    else if (kind === "link") this.#links.push({ path, relative, parent });
    else if (kind === "folder") this.#meetFolder({ path, realPath, relative, parent });
    else this.#meetFile({ path, realPath, stat }, relative);
  }

  #meetFolder(folder: Folder): void {
    if (this.#isTaken(this.#options.selection.folder(folder.relative), folder.path))
      this.#folders.push(folder);
  }

  #meetFile(file: FoundPath, relative: string): void {
    if (!this.#isTaken(this.#options.selection.file(relative), file.path)) return;
    if (this.#seenFiles.has(file.realPath)) this.#options.leftOut.note("again", file.path);
    else this.files.push(file);
    this.#seenFiles.add(file.realPath);
  }

  #isTaken(choice: Choice, path: string): boolean {
    if (choice !== "take" && choice !== "pass") this.#options.leftOut.note(choice, path);
    return choice === "take";
  }

  async #follow({ path, relative, parent }: Link): Promise<void> {
    const { selection } = this.#options;
    const choices = [selection.file(relative), selection.folder(relative)];
    // Whatever it leads to, it is not meant: so it may lead nowhere.
    if (choices.every((choice) => choice !== "take")) {
      const choice = choices.find((each) => each !== "pass");
      if (choice !== undefined) this.#isTaken(choice, path);
      return;
    }
    const { storage, signal } = this.#options;
    try {
      const [realPath, kind] = await Promise.all([storage.real(path, signal), storage.kindAt(path, signal)]);
      if (kind === "folder") this.#meetFolder({ path, realPath, relative, parent });
      else this.#meetFile({ path, realPath, stat: null }, relative);
    } catch (error) {
      signal.throwIfAborted();
      const isOther = choices[0] === "otherEnding" && extname(path) !== "";
      if (isOther) this.#options.leftOut.note("otherEnding", path);
      else this.problems.push(deadLink(path, error));
    }
  }

  #meetUnnameable(kind: Entry["kind"], { relative, parent, shown, why }: MetUnnameable): void {
    const { selection } = this.#options;
    const where = below(parent.path, shown);
    const choice = kind === "folder" ? selection.folder(relative) : selection.file(relative);
    if (this.#isTaken(choice, where)) this.problems.push({ where, what: why, hint: "rename it" });
  }
}

function deadLink(path: string, error: unknown): Problem {
  return {
    where: path,
    what: `is a link that cannot be followed: ${reasonOf(error)}`,
    hint: "remove it, or mend what it leads to",
  };
}
