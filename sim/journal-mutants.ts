import { edit, type Mutant } from "./mutant.ts";

/** Bugs in the journal and its reading. */
export const JOURNAL_MUTANTS: readonly Mutant[] = [
  {
    name: "acknowledge-before-fsync",
    says: "answers do not wait for their records",
    breaks: ["record-before-answer"],
    edits: [edit("coordinator/job/job-shell.js", "        await this.#lastDurable;\n", "")],
  },
  {
    name: "no-record-fsync",
    says: "records are written and never synced",
    breaks: ["tokens-grow", "record-before-answer"],
    edits: [
      edit("coordinator/journal/segment-file.js", "sync: () => file.datasync(),", "sync: async () => {},"),
    ],
  },
  {
    name: "no-generation-fsync",
    says: "a coordinator works before its generation is durable",
    breaks: ["tokens-grow"],
    edits: [
      edit(
        "coordinator/journal/journal.js",
        "await journal.append(started, { durable: true });",
        "await journal.append(started, { durable: false });",
      ),
    ],
  },
  {
    name: "tail-of-last-segment-not-synced",
    says: "a coordinator builds on records that are not durable yet",
    breaks: ["record-before-answer", "every-job-ends"],
    edits: [edit("coordinator/journal/journal.js", "await syncPath(segmentPath(folder, last), disk);", ";")],
  },
  {
    name: "folder-names-not-synced",
    says: "the folders of the journal and the partials are not durable",
    breaks: ["record-before-answer", "tokens-grow"],
    edits: [
      edit("shared/core/make-folders.js", "await syncPath(dirname(path), disk)", "await Promise.resolve()"),
    ],
  },
  {
    name: "begun-in-a-removed-place",
    says: "a coordinator that pauses through a whole run creates its folders again and repeats the job",
    breaks: [
      "one-holder",
      "every-job-ends",
      "nothing-left-behind",
      "replay-is-the-state",
      "record-before-answer",
    ],
    storage: "disk",
    edits: [
      edit("coordinator/journal/journal.js", "{ makeFolder }", "{ makeFolders as makeFolder }"),
      edit("coordinator/journal/journal.js", "await make(folder);", "await makeFolder(folder, disk);"),
      edit("coordinator/journal/journal.js", "        await look();\n", ""),
    ],
  },
  {
    name: "replan-on-restart",
    says: "a restarted coordinator seals another plan",
    breaks: ["shards-partition", "every-job-ends"],
    edits: [
      edit(
        "coordinator/job/start-job.js",
        'const isSealed = shell.state.phase.kind !== "planning";',
        'const isSealed = !["planning", "running"].includes(shell.state.phase.kind);',
      ),
    ],
  },
  {
    name: "commits-forgotten-on-restart",
    says: "a restarted coordinator maps committed shards again",
    breaks: ["replay-is-the-state", "every-job-ends"],
    edits: [
      edit(
        "coordinator/job/replay-job.js",
        "await replayed(config, opened, options)",
        'await replayed(config, { ...opened, snapshots: [], records: (await opened.readAll()).filter(({ kind }) => kind !== "shardCommitted") }, options)',
      ),
    ],
  },
  {
    name: "snapshot-forgets-failures",
    says: "a snapshot has no failures of shards",
    breaks: ["replay-is-the-state"],
    edits: [
      edit(
        "coordinator/schedule/state/snapshot.js",
        "entry.failures = facts.failures;",
        "entry.failures = [];",
      ),
    ],
  },
  {
    name: "snapshot-not-renamed",
    says: "snapshots are written and never renamed to their final name",
    breaks: ["replay-is-the-state"],
    edits: [edit("coordinator/journal/snapshots.js", "await disk.rename(making, path);", ";")],
  },
  {
    name: "snapshot-of-another-history",
    says: "a snapshot is used wherever it ends, even if it is of another run",
    breaks: ["replay-is-the-state", "every-job-ends"],
    edits: [
      edit(
        "coordinator/journal/usable-snapshots.js",
        "return matchingStretches(segmentPath(folder, segment.generation), segment, places, disk);",
        "return places.length;",
      ),
    ],
  },
  {
    name: "snapshot-of-any-before",
    says: "a snapshot continues any snapshot that has the previous number",
    breaks: ["replay-is-the-state"],
    edits: [
      edit(
        "coordinator/journal/snapshots.js",
        "return head.previous?.generation === previous?.generation && head.previous?.crc32 === previous?.crc32;",
        "return true;",
      ),
    ],
  },
  {
    name: "snapshot-of-a-later-state",
    says: "a snapshot covers records after the place that it names",
    breaks: ["replay-is-the-state"],
    edits: [
      edit(
        "coordinator/journal/snapshotting-journal.js",
        "const encoded = await",
        "await journal.sync();\n            const encoded = await",
      ),
    ],
  },
];
