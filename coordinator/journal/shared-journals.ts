import { EXTENSIONS } from "#extensions";
import { present } from "../../shared/core/assert.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { Random } from "../../shared/core/random.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Extension } from "../../shared/extension/extension.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { WaitOptions } from "./await-still.ts";
import type { OpenJournal } from "./journal.ts";
import type { OnSnapshotTrouble } from "./snapshots.ts";

/** Extension, with the part whose types are the coordinator's: `shared/` cannot name them. */
export interface CoordinatorExtension extends Extension {
  readonly journal?: JournalPart;
}

/** Journals of jobs in the place of their output. They pass `test/contract/journals.test.ts`. */
interface JournalPart {
  /** Loads the code that opens, reads and ends them. */
  load(): Promise<SharedJournals>;
}

/**
 * Journals that coordinators on several machines share. No lock of a machine protects them. So of several
 * coordinators that open one, only the last can go on (law `one-holder`).
 */
export interface SharedJournals {
  /**
   * Waits until nobody else is at work on a run, reads its journal, and begins the next generation. From then
   * on no earlier coordinator can write.
   *
   * @throws {OUTPUT_LOCKED} when another coordinator is at work on it, or takes it up at the same moment
   * @throws {JOURNAL_CORRUPT} when something is missing or damaged
   */
  open(place: OpenPlace, options: OpenSharedOptions): Promise<OpenJournal>;

  /**
   * Waits until the holder of a journal has let go of it, or is dead. It saves work only.
   *
   * @returns what the dead one showed last; null where nobody is left
   * @throws {OUTPUT_LOCKED} when it is alive: it goes on to show so
   */
  awaitSilence(run: RunFolder & WaitOptions): Promise<string | null>;

  /** @param shown what `awaitSilence` has given @throws {OUTPUT_LOCKED} when somebody has shown more since */
  refuseNews(run: RunFolder, shown: string | null): Promise<void>;

  /**
   * Ends a run whose coordinator was silent, before its files are removed. Waits until that coordinator can
   * write no more.
   *
   * @throws {OUTPUT_LOCKED} when the coordinator has written since: it is alive
   */
  end(run: RunFolder, options: EndOptions): Promise<void>;

  /** Returns whether a coordinator has written to a run behind the start of a generation. */
  hasBegun(run: RunFolder): Promise<boolean>;

  /**
   * Reads the input files of the plan that was sealed; null where none was. Changes nothing.
   *
   * @throws {JOURNAL_CORRUPT}
   */
  sealedFiles(run: RunFolder): Promise<ReadonlySet<string> | null>;
}

/** Folder of one run, in the storage of the output. */
export interface RunFolder {
  /** The folder that is this run's alone. */
  readonly own: Location;
  readonly storage: Storage;
}

/** Place of a run, with what tells that it is the job's. */
export interface RunPlace extends RunFolder {
  readonly run: string;
  /** Says which run's journal is the job's. */
  readonly runFile: Location;
}

/** Place of a run that is opened. */
export interface OpenPlace extends RunPlace {
  /** Place of the manifest. A coordinator that finds one there is too late. */
  readonly manifest: Location;
  /** Is there as long as somebody removes all that is there, to start over. */
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

/** Loads the journals of the extension that has them: without it, no job file asks for them. */
export async function loadSharedJournals(): Promise<SharedJournals> {
  const [part] = EXTENSIONS.flatMap(({ journal }) => journal ?? []);
  return await present(part, "a job file asks for a shared journal only where there is one").load();
}
