import type { PartitionValue } from "../../../shared/domain/dataset.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { FoundPath } from "./folder-listing.ts";
import { type FolderValue, folderValues } from "./folder-values.ts";
import type { FolderGate, FolderVerdict } from "./walk.ts";

/** Judge of unlisted folders, made from a file of the dataset. */
export interface FolderJudge {
  /** Assumed columns of the folders on the path to a file, in order. */
  readonly columns: readonly Omit<PartitionValue, "value">[];
  /** Checks whether no row below these folders can be wanted. The folders start at the first of the path. */
  rulesOut(values: readonly FolderValue[]): boolean;
}

/** A folder that was excluded before it was listed. */
export interface RuledOutFolder {
  readonly path: Location;
  readonly realPath: Location;
  readonly folderValues: readonly FolderValue[];
}

/** Excluded folders, and the judge that excluded them. */
export interface RuledFolders {
  readonly judge: FolderJudge;
  /** Empty if all folders had to be listed. */
  readonly folders: readonly RuledOutFolder[];
}

/** A file that a walk found, and the folders that it met. */
export interface FolderSample {
  readonly file: FoundPath;
  /** Number of leading names in the location that are ignored. */
  readonly skipped: number;
  /** Values of the folders that wait for a judge. */
  readonly met: readonly (readonly FolderValue[])[];
}

interface RulingOptions {
  /** Checks whether anything below these folders may be excluded. */
  readonly concern: (values: readonly FolderValue[]) => boolean;
  /** Returns a judge by a file. Null: the file is not enough, or no folder can be excluded. */
  readonly judgeBy: (sample: FolderSample) => Promise<FolderJudge | null>;
}

/** Excludes folders in all paths of a job's input, with one judge. */
export class FolderRuling {
  readonly #options: RulingOptions;
  readonly #folders: RuledOutFolder[] = [];
  #judging: Promise<void> | null = null;
  /** Undefined: not known yet. Null: no judge, so that nothing is excluded. */
  #judge: FolderJudge | null | undefined;

  constructor(options: RulingOptions) {
    this.#options = options;
  }

  /** Excluded folders. Null: there is no judge. */
  get ruled(): RuledFolders | null {
    const judge = this.#judge ?? null;
    return judge === null ? null : { judge, folders: this.#folders };
  }

  /** @param skipped number of leading names in a location that are ignored */
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
