import type { Location } from "../../shared/domain/location.ts";
import type { OutputFile, OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import type { WorkPaths } from "./work-paths.ts";

/** File of the output, and the place of its bytes before publication. */
export interface Part {
  readonly output: OutputFile;
  readonly from: Location;
}

/** Output that is complete but not yet in its place. */
export interface StagedOutput {
  readonly manifest: OutputManifest;
  /** Parts in the order of the manifest's files. */
  readonly parts: readonly Part[];
}

/** Storage and paths of an output that is staged and published. */
export interface PublishPlace {
  readonly storage: Storage;
  /** Checksums of that storage, if they can be trusted. */
  readonly checksums?: StoredChecksums | undefined;
  readonly paths: WorkPaths;
}

export interface PlaceOptions {
  /** True when an earlier try at the same output had begun: the files that it placed are ours. */
  readonly resumed: boolean;
  /** Rejects when another coordinator has taken over the job. Called before each step that readers see. */
  readonly confirm: () => Promise<void>;
}

/** Result of `announce`. `resumed`: an earlier try had announced it, and `staged` has that manifest. */
export type Announcement =
  | { readonly kind: "announced"; readonly resumed: boolean; readonly staged: StagedOutput }
  /** Another coordinator was first, and has chosen other files. */
  | { readonly kind: "taken"; readonly by: StagedOutput };

/**
 * Way of moving an output's files to where readers look. It depends on the abilities of the storage. The
 * manifest follows, in the same way for all storages.
 *
 * Each call may be repeated after a crash anywhere in it.
 */
export interface PublishWay {
  /** Does all work that readers cannot see. Durable when it returns. */
  stage(parts: readonly Part[], signal: AbortSignal): Promise<void>;
  /**
   * Records durably which files beside `_shardmill` are ours, before the first one is placed. A later
   * `--fresh` may delete only those. Calls `confirm` right before it puts the intent.
   *
   * @throws {OUTPUT_OCCUPIED} when files of another output of this job are placed
   */
  announce(staged: StagedOutput, confirm: PlaceOptions["confirm"]): Promise<Announcement>;
  /**
   * Checks that all files of an earlier try's intent still exist, before more of them become visible.
   *
   * @throws {OUTPUT_FAILED} when a file is gone
   */
  confirmSources(staged: StagedOutput): Promise<void>;
  /**
   * Gives the files of one of the output's folders their names. They are durable, except for the folder's own
   * name.
   *
   * @throws {OUTPUT_OCCUPIED} when something else is there: it stays untouched
   */
  place(kind: OutputFile["kind"], parts: readonly Part[], attempt: PlaceOptions): Promise<void>;
  /**
   * Checks that all files are there, right before the manifest is placed.
   *
   * @throws {OUTPUT_FAILED} when one is missing
   */
  confirmPlaced(staged: StagedOutput): Promise<void>;
}
