import { edit, type Mutant } from "./mutant.ts";

/** Bugs in the journal, in what is read of it again, and in the lock that protects it. */
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
    breaks: ["record-before-answer"],
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
        "coordinator/journal/segment-file.js",
        `        await file.write(first);
        await file.sync();`,
        "        await file.write(first);",
      ),
    ],
  },
  {
    name: "tail-of-last-segment-not-synced",
    says: "records are built upon that the next power cut may take",
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
    name: "replan-on-restart",
    says: "a restarted coordinator seals another plan",
    breaks: ["shards-partition", "every-job-ends"],
    edits: [
      edit(
        "coordinator/job/start-job.js",
        'if (shell.state.phase.kind === "planning") {',
        'if (shell.state.phase.kind === "planning" || shell.state.phase.kind === "running") {',
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
    says: "snapshots are written and never get their name",
    breaks: ["replay-is-the-state"],
    edits: [edit("coordinator/journal/snapshots.js", "await disk.rename(making, path);", ";")],
  },
  {
    name: "snapshot-of-another-history",
    says: "a snapshot counts wherever it ends, also one of another run",
    breaks: ["replay-is-the-state", "every-job-ends"],
    edits: [
      edit(
        "coordinator/journal/usable-snapshots.js",
        "return matchingStretches(path, { generation, end }, places, disk);",
        "return places.length;",
      ),
    ],
  },
  {
    name: "snapshot-of-any-before",
    says: "a snapshot follows whichever has the number before it",
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
    says: "a snapshot tells of records behind the place that it names",
    breaks: ["replay-is-the-state"],
    edits: [
      edit(
        "coordinator/journal/snapshotting-journal.js",
        "const encoded = await",
        "await journal.sync();\n            const encoded = await",
      ),
    ],
  },
  {
    name: "no-lock",
    says: "two coordinators run the same job",
    breaks: ["one-holder"],
    edits: [edit("coordinator/journal/lock.js", 'if (life === "dead")', "if (true)")],
  },
  {
    name: "late-holder-writes",
    says: "a coordinator that was stopped, and replaced, goes on writing and acknowledging",
    breaks: ["one-holder", "record-before-answer", "cancelled-or-published"],
    edits: [
      edit(
        "coordinator/journal/held-lock.js",
        "if (there?.nonce === nonce)\n            return;\n        const who",
        "return;\n        const who",
      ),
    ],
  },
  {
    name: "unseen-is-dead",
    says: "a coordinator of another PID namespace is taken for dead at once",
    breaks: ["one-holder"],
    edits: [edit("coordinator/journal/lock.js", 'if (life === "dead")', 'if (life !== "alive")')],
  },
];
