import { EXTENSIONS } from "#extensions";
import { present } from "../../shared/core/assert.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Random } from "../../shared/core/random.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Extension } from "../../shared/extension/extension.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { WaitOptions } from "./await-still.ts";
import type { OpenJournal } from "./journal.ts";
import type { SealedInput } from "./sealed-input.ts";
import type { OnSnapshotTrouble } from "./snapshots.ts";

/** Extension with a journal part, whose types belong to the coordinator: `shared/` cannot import them. */
export interface CoordinatorExtension extends Extension {
  readonly journal?: JournalPart;
}

/** Journals that are stored with the job's output. Implementations pass `test/contract/journals.test.ts`. */
interface JournalPart {
  /** Loads the code that opens, reads and ends them. */
  load(): Promise<SharedJournals>;
}

/**
 * Journals that coordinators on several machines share, without a lock on a machine. If several coordinators
 * open one journal, only the last can continue (law `one-holder`).
 */
export interface SharedJournals {
  /**
   * Waits until no other coordinator works on a run, reads its journal, and begins the next generation. From
   * then on no earlier coordinator can write.
   *
   * @throws {OUTPUT_LOCKED} when another coordinator works on the run, or opens it at the same moment
   * @throws {JOURNAL_CORRUPT} when something is missing or damaged
   */
  open(place: OpenPlace, options: OpenSharedOptions): Promise<OpenJournal>;

  /**
   * Waits until a journal's holder has released it, or is lost. The result saves work and proves nothing.
   *
   * @returns the last text that the lost holder showed, null when there is no holder
   * @throws {OUTPUT_LOCKED} when the holder runs and changes its text
   */
  awaitSilence(run: RunFolder & WaitOptions): Promise<string | null>;

  /**
   * @param shown result of `awaitSilence`
   * @throws {OUTPUT_LOCKED} when a coordinator has shown another text since
   */
  refuseNews(run: RunFolder, shown: string | null): Promise<void>;

  /**
   * Ends a run of a silent coordinator before its files are removed. Waits until that coordinator can write
   * no more.
   *
   * @throws {OUTPUT_LOCKED} when the coordinator has written since: it still runs
   */
  end(run: RunFolder, options: EndOptions): Promise<void>;

  /** Checks whether a coordinator has written records to a run, besides the start of a generation. */
  hasBegun(run: RunFolder): Promise<boolean>;

  /**
   * Reads the input of the sealed plan. Null: no plan is sealed. Changes nothing.
   *
   * @throws {JOURNAL_CORRUPT}
   */
  sealedInput(run: RunFolder): Promise<SealedInput | null>;
}

/** Folder of one run, in the output's storage. */
export interface RunFolder {
  /** Location that only this run uses. */
  readonly own: Location;
  readonly storage: Storage;
}

/** Place of a run, with the file that makes the run the job's. */
export interface RunPlace extends RunFolder {
  readonly run: string;
  /** Location of the file that names the job's run. */
  readonly runFile: Location;
}

/** Place of a run that is being opened. */
export interface OpenPlace extends RunPlace {
  /** Location of the manifest. A coordinator that finds one is too late. */
  readonly manifest: Location;
  /** Location of the marker that exists while a coordinator clears the output to start over. */
  readonly clearing: Location;
}

export interface OpenSharedOptions extends WaitOptions {
  readonly random: Random;
  /** Result of `awaitSilence`. */
  readonly silent?: string | null;
  readonly onSnapshotTrouble?: OnSnapshotTrouble;
}

export interface EndOptions {
  readonly clock: TimedClock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Loads the journals from the extension that has them. Without it, no job file can ask for them. */
export async function loadSharedJournals(): Promise<SharedJournals> {
  const [part] = EXTENSIONS.flatMap(({ journal }) => journal ?? []);
  return await present(part, "a job file asks for a shared journal only where there is one").load();
}
