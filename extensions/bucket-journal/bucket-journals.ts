import { type SealedInput, sealedBy, sealedIn } from "../../coordinator/journal/sealed-input.ts";
import type { RunFolder, SharedJournals } from "../../coordinator/journal/shared-journals.ts";
import { bodiesOf } from "../../coordinator/journal/snapshot-file.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { below } from "../../shared/domain/location.ts";
import { awaitSilence, refuseNews } from "./bucket-hold.ts";
import { readBucketSnapshots } from "./bucket-snapshots.ts";
import { endRun } from "./end-run.ts";
import { objectLocation } from "./journal-object.ts";
import { openBucketJournal } from "./open-bucket-journal.ts";
import { ObjectsReader } from "./read-objects.ts";

/** Journals as numbered objects. Exactly one coordinator can put the next number. */
export const bucketJournals: SharedJournals = {
  open: openBucketJournal,
  awaitSilence,
  refuseNews,
  end: endRun,
  hasBegun,
  sealedInput,
};

/**
 * Returns true when the journal has a second object. A run that finds the output being cleared puts one
 * object.
 */
async function hasBegun({ own, storage }: RunFolder): Promise<boolean> {
  return (await storage.kindAt(objectLocation(below(own, "journal"), 2), NEVER)) !== null;
}

async function sealedInput({ own, storage }: RunFolder): Promise<SealedInput | null> {
  const sealed = sealedIn(bodiesOf(await readBucketSnapshots(below(own, "snapshots"), storage, () => {})));
  if (sealed !== null) return sealed;
  const reader = new ObjectsReader(below(own, "journal"), storage, null);
  await reader.readOn();
  return sealedBy(reader.records);
}
