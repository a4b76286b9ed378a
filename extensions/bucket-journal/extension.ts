import type { CoordinatorExtension } from "../../coordinator/journal/shared-journals.ts";

/** Journals of jobs in the buckets of their outputs (`work: bucket`). */
export const bucketJournal: CoordinatorExtension = {
  name: "bucket-journal",
  journal: { load: async () => (await import("./bucket-journals.ts")).bucketJournals },
};
