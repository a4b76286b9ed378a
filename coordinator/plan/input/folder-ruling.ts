import type { PartitionValue } from "../../../shared/domain/dataset.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { FoundPath } from "./folder-listing.ts";
import { type FolderValue, folderValues } from "./folder-values.ts";
import type { FolderGate, FolderVerdict } from "./walk.ts";

/** What is said of folders before they are listed, since a file of the dataset is known. */
export interface FolderJudge {
  /** What the folders on the way to a file are taken for, in their order. */
  readonly columns: readonly Omit<PartitionValue, "value">[];
  /** Whether no row below these folders, of which the first is the first on the way, can be wanted. */
  rulesOut(values: readonly FolderValue[]): boolean;
}

/** A folder that was not listed. */
export interface RuledOutFolder {
  readonly path: Location;
  readonly realPath: Location;
  readonly folderValues: readonly FolderValue[];
}

/** What was ruled out while the input was listed, and by whom. */
export interface RuledFolders {
  readonly judge: FolderJudge;
  /** None where all had to be listed. */
  readonly folders: readonly RuledOutFolder[];
}

/** A file that a walk came upon, and what it met besides. */
export interface FolderSample {
  readonly file: FoundPath;
  /** So many of the location's names, from its first, say nothing. */
  readonly skipped: number;
  /** What the folders that wait for a judge say. */
  readonly met: readonly (readonly FolderValue[])[];
}

interface RulingOptions {
  /** Whether anything is said of what lies below these folders. */
  readonly concern: (values: readonly FolderValue[]) => boolean;
  /** Null where the file cannot tell, or nothing can be said. */
  readonly judgeBy: (sample: FolderSample) => Promise<FolderJudge | null>;
}

/** The rules of a job over all that it names for its input, by one judge. */
export class FolderRuling {
  readonly #options: RulingOptions;
  readonly #folders: RuledOutFolder[] = [];
  #judging: Promise<void> | null = null;
  /** Undefined: not known yet. Null: there is none, and nothing is ruled out. */
  #judge: FolderJudge | null | undefined;

  constructor(options: RulingOptions) {
    this.#options = options;
  }

  /** Null: there was no judge. */
  get ruled(): RuledFolders | null {
    const judge = this.#judge ?? null;
    return judge === null ? null : { judge, folders: this.#folders };
  }

  /** @param skipped so many of a location's names, from its first, say nothing */
  gate(skipped: number): FolderGate {
    const valuesOf = (folder: Location) => folderValues(below(folder, ""), skipped);
    return {
      verdict: (folder) => this.#verdict(valuesOf(folder)),
      learn: (waiting, files) => {
        const met = waiting.map(valuesOf);
        this.#judging ??= this.#learn(files, { skipped, met });
        return this.#judging;
      },
      note: ({ path, realPath }) => {
        this.#folders.push({ path, realPath, folderValues: valuesOf(path) });
      },
    };
  }

  #verdict(values: readonly FolderValue[]): FolderVerdict {
    if (this.#judge === null || !this.#options.concern(values)) return "goInto";
    if (this.#judge === undefined) return "wait";
    return this.#judge.rulesOut(values) ? "ruleOut" : "goInto";
  }

  async #learn(files: AsyncIterable<FoundPath>, of: Omit<FolderSample, "file">): Promise<void> {
    for await (const file of files) {
      this.#judge = (await this.#options.judgeBy({ file, ...of })) ?? undefined;
      if (this.#judge !== undefined) return;
    }
    this.#judge = null;
  }
}
