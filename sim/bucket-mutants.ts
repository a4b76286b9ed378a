import { edit, type Mutant } from "./mutant.ts";

/**
 * Bugs in journals in a bucket, which coordinators on several machines share, and in copies within a bucket.
 */
export const BUCKET_MUTANTS: readonly Mutant[] = [
  {
    name: "number-put-unconditionally",
    says: "the next object of a journal replaces the object of another coordinator",
    breaks: ["one-holder", "record-before-answer", "replay-is-the-state", "tokens-grow", "every-job-ends"],
    storage: "shared",
    edits: [
      edit(
        "extensions/bucket-journal/bucket-segment.js",
        "{ ifAbsent: true, signal: NEVER }",
        "{ signal: NEVER }",
      ),
    ],
  },
  {
    name: "stopped-holder-does-not-check",
    says: "a coordinator continues after a long pause without checking who holds the job",
    breaks: ["one-holder", "first-commit-wins", "record-before-answer"],
    storage: "shared",
    edits: [
      edit(
        "extensions/bucket-journal/bucket-hold.js",
        "if (isSure(this.#sureFrom, momentOf(this.#options.clock)))",
        "if (true)",
      ),
    ],
  },
  {
    name: "end-not-noticed",
    says: "a coordinator that continues during the removal of its journal claims the next number as unused",
    breaks: ["first-commit-wins", "one-holder"],
    storage: "shared",
    edits: [
      edit(
        "extensions/bucket-journal/bucket-segment.js",
        "if (next === null && (await this.#writerAt(first, signal)) === null)",
        "if (false)",
      ),
    ],
  },
  {
    name: "run-removed-unended",
    says: "the run of a silent coordinator is removed before its journal is closed to that coordinator",
    breaks: ["one-holder", "tokens-grow", "every-job-ends"],
    storage: "shared",
    edits: [edit("coordinator/job/lock-output.js", "if (run === null || shown === null)", "if (true)")],
  },
  {
    name: "restarted-after-its-end",
    says: "a coordinator that pauses during its claim begins a published job again while the journal is removed",
    breaks: ["one-holder"],
    storage: "shared",
    edits: [
      edit(
        "extensions/bucket-journal/open-bucket-journal.js",
        "if (found === run && (await storage.kindAt(manifest, NEVER)) === null)",
        "if (found === run)",
      ),
    ],
  },
  {
    name: "journal-removed-at-once",
    says: "in a bucket, the journal of a published job is removed while a replaced coordinator still relies on its last check",
    breaks: ["one-holder"],
    storage: "shared",
    edits: [edit("extensions/bucket-journal/open-bucket-journal.js", "if (leftMs > 0)", "if (false)")],
  },
  {
    name: "silence-not-waited",
    says: "a coordinator on another machine counts as exited at once",
    breaks: ["one-holder", "nothing-left-behind", "replay-is-the-state"],
    storage: "shared",
    edits: [edit("coordinator/journal/await-still.js", "look < SILENCE_MS / LOOK_MS", "look < 0")],
  },
  {
    name: "bucket-snapshot-before-its-records",
    says: "in a bucket, a snapshot is put before the records that it covers",
    breaks: ["every-job-ends", "replay-is-the-state"],
    storage: "shared",
    edits: [edit("coordinator/journal/snapshotting-journal.js", "await journal.sync();", ";")],
  },
  {
    name: "intent-replaced",
    says: "in a bucket, a coordinator replaces the intent of another, which may still be publishing it",
    breaks: ["whole-or-nothing", "published-once", "every-row-once", "every-job-ends"],
    storage: "shared",
    edits: [
      edit("coordinator/publish/by-copy.js", "if (paths.run !== null)", "if (false)"),
      edit(
        "coordinator/publish/by-copy.js",
        "await refuseOtherOutput(paths.output, manifest, storage);",
        ";",
      ),
    ],
  },
  {
    name: "copies-not-compared",
    says: "in a bucket, a copy with wrong bytes is published",
    breaks: ["whole-or-nothing", "commits-stay-whole"],
    storage: "bucket",
    edits: [
      edit(
        "coordinator/publish/by-copy.js",
        "isRight: bytes === file.bytes && sha256 === file.sha256",
        "isRight: true",
      ),
    ],
  },
  {
    name: "lost-clearing-blocks-the-output",
    says: "an output stays refused forever after the coordinator that was clearing it exits",
    breaks: ["every-job-ends"],
    storage: "shared",
    edits: [
      edit(
        "coordinator/job/bucket-rivals.js",
        'return { kind: "halfCleared" };',
        'throw new Error("this output is being cleared");',
      ),
    ],
  },
  {
    name: "release-fails-a-published-job",
    says: "a lock that cannot be released fails a published job with an internal error",
    breaks: ["every-job-ends"],
    storage: "shared",
    edits: [
      edit(
        "coordinator/job/open-output.js",
        "await resources.release().catch(ignorePlaceError);",
        "await resources.release();",
      ),
    ],
  },
  {
    name: "stage-shared-by-tries",
    says: "in a bucket, each attempt to stage the output uses the names of the previous attempt",
    breaks: ["every-job-ends"],
    storage: "shared",
    edits: [edit("coordinator/job/job-output.js", "if (this.#options.storage.can.rename)", "if (true)")],
  },
];
