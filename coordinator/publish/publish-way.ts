import type { Location } from "../../shared/domain/location.ts";
import type { OutputFile, OutputManifest } from "../../shared/domain/manifest.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import type { WorkPaths } from "./work-paths.ts";

/** A file of the output, and where its bytes are before it is published. */
export interface Part {
  readonly output: OutputFile;
  readonly from: Location;
}

/** An output that is complete but for its place. */
export interface StagedOutput {
  readonly manifest: OutputManifest;
  /** In the order of the manifest's files. */
  readonly parts: readonly Part[];
}

/** Where an output is staged and published. */
export interface PublishPlace {
  readonly storage: Storage;
  /** Of that storage, where it has earned that they are believed. */
  readonly checksums?: StoredChecksums | undefined;
  readonly paths: WorkPaths;
}

export interface PlaceOptions {
  /** An earlier try at the same output had begun: what it placed is ours. */
  readonly resumed: boolean;
  /** Asked before each step that readers see: rejects when another coordinator has taken the job over. */
  readonly confirm: () => Promise<void>;
}

/** `resumed`: an earlier try at the same output got as far as that, and `staged` has its manifest. */
export type Announcement =
  | { readonly kind: "announced"; readonly resumed: boolean; readonly staged: StagedOutput }
  /** Another coordinator was first, and has decided on other files. */
  | { readonly kind: "taken"; readonly by: StagedOutput };

/**
 * How the files of an output come to where readers look: what depends on the abilities of its storage. The
 * manifest after it is the same for all ways.
 *
 * Each call may be repeated after a crash anywhere in it.
 */
export interface PublishWay {
  /** All that can be done while nothing is visible. Durable when it returns. */
  stage(parts: readonly Part[], signal: AbortSignal): Promise<void>;
  /**
   * Makes durable which files beside `_shardmill` are ours, from before the first is there: a later `--fresh`
   * may delete only those. `confirm` is asked right before it is put.
   *
   * @throws {OUTPUT_OCCUPIED} when files of another output of this job are placed
   */
  announce(staged: StagedOutput, confirm: PlaceOptions["confirm"]): Promise<Announcement>;
  /**
   * Makes sure that what an earlier try decided on is all there still, before any more of it is seen.
   *
   * @throws {OUTPUT_FAILED} when it is not
   */
  confirmSources(staged: StagedOutput): Promise<void>;
  /**
   * Gives the files of one of the output's folders their names, durably but for the folder's own name.
   *
   * @throws {OUTPUT_OCCUPIED} when something else is there: nothing of it is touched
   */
  place(kind: OutputFile["kind"], parts: readonly Part[], attempt: PlaceOptions): Promise<void>;
  /**
   * Makes sure once more that all are there, right before the manifest says so.
   *
   * @throws {OUTPUT_FAILED} when one is missing
   */
  confirmPlaced(staged: StagedOutput): Promise<void>;
}
