import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock, JobLock } from "../journal/held-lock.ts";
import { type OpenJournal, openJournal } from "../journal/journal.ts";
import { loadSharedJournals } from "../journal/shared-journals.ts";
import { CLEARING_NAME } from "../publish/output-folder.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import { type OpenJobOptions, onWaitingOf } from "./opened-job.ts";

/**
 * Thousands of workers make a record in less than a millisecond, so one write takes many records. A commit
 * waits no longer for the pause than a disk takes to sync. A longer pause would delay leases that wait for a
 * commit.
 */
const PAUSE_MS = 2;

interface JobJournalOptions extends Pick<OpenJobOptions, "clock" | "seams" | "log" | "signal" | "onWaiting"> {
  readonly paths: WorkPaths;
  /** Storage of the output. */
  readonly storage: Storage;
  /** Lock on this machine. */
  readonly lock: JobLock & Pick<HeldLock, "look" | "makeFolder">;
  /** Result of `awaitSilence`. */
  readonly silent: string | null;
}

interface JobJournal extends OpenJournal {
  /** Lock against all coordinators that can reach this journal. */
  readonly lock: JobLock;
}

/** Opens a job's journal, which is beside the lock on the disk or in the bucket. */
export async function openJobJournal(options: JobJournalOptions): Promise<JobJournal> {
  const { clock, seams, lock, log, paths, storage, signal, silent } = options;
  const { output, work, own, run, runFile, journal } = paths;
  const onSnapshotTrouble = (what: string, cause: unknown) => log.warn({ reason: messageOf(cause) }, what);
  if (runFile !== null && run !== null) {
    const onWaiting = onWaitingOf(options);
    const names = { manifest: below(output, MANIFEST_NAME), clearing: below(work, CLEARING_NAME) };
    const place = { own, run, runFile, ...names, storage };
    const given = { ...seams, clock, onWaiting, onSnapshotTrouble, silent, signal };
    const journals = await loadSharedJournals();
    const opened = await journals.open(place, given);
    return { ...opened, lock: both(lock, opened.hold) };
  }
  const pause = () => sleepBy(clock, PAUSE_MS, NEVER);
  const writing = {
    pause,
    confirm: () => lock.confirm(),
    look: () => lock.look(),
    makeFolder: (path: string) => lock.makeFolder(path),
    onSnapshotTrouble,
    random: seams.random,
  };
  const opened = await openJournal(journal, clock.wallMs(), seams.disk, writing);
  return { ...opened, lock: both(lock, opened.hold) };
}

/**
 * Combines the lock with the journal's fence. The lock may be outdated, while the fence proves the right to
 * write.
 */
function both(one: JobLock, other: Pick<HeldLock, "confirm" | "lost">): JobLock {
  const lost = AbortSignal.any([one.lost, other.lost]);
  return {
    lost,
    async confirm() {
      await one.confirm();
      await other.confirm();
    },
    async whyLost() {
      const why = await one.whyLost();
      if (why !== null) return why;
      await other.confirm().catch(() => {});
      return lost.aborted ? lost.reason : null;
    },
  };
}
