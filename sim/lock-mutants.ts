import { edit, type Mutant } from "./mutant.ts";

/** Bugs in the lock that protects a journal on a disk, and in the work of a coordinator without it. */
export const LOCK_MUTANTS: readonly Mutant[] = [
  {
    name: "no-lock",
    says: "two coordinators run the same job",
    breaks: ["one-holder"],
    edits: [edit("coordinator/journal/lock.js", 'if (state === "exited")', "if (true)")],
  },
  {
    name: "late-holder-writes",
    says: "a coordinator that was stopped and replaced continues to write and acknowledge",
    breaks: ["every-job-ends", "one-holder", "record-before-answer", "cancelled-or-published"],
    edits: [
      edit(
        "coordinator/journal/held-lock.js",
        "if (there?.nonce === nonce)\n            return;\n        const who",
        "return;\n        const who",
      ),
      edit("coordinator/journal/segment-fence.js", "if (why === null)", "if (true)"),
    ],
  },
  {
    name: "later-generation-not-checked",
    says: "a coordinator that trusts its lock acknowledges records that a later generation has not read",
    breaks: ["record-before-answer", "first-commit-wins", "cancelled-or-published", "every-job-ends"],
    storage: "disk",
    edits: [edit("coordinator/journal/segment-fence.js", "if (why === null)", "if (true)")],
  },
  {
    name: "journal-of-another-run-is-own",
    says: "a coordinator treats the journal of a later run as its own",
    breaks: [
      "nothing-left-behind",
      "tokens-grow",
      "record-before-answer",
      "cancelled-or-published",
      "published-once",
    ],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/segment-fence.js",
        "return (await this.#isOwn()) ? null",
        "return true ? null",
      ),
    ],
  },
  {
    name: "read-before-claimed",
    says: "a coordinator reads the journal before it claims its generation",
    breaks: ["record-before-answer", "first-commit-wins"],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/journal.js",
        "const { file, generation } = await claimGeneration(folder, disk, writing);",
        `const early = await readWithSnapshots({ folder, below: Infinity }, disk, onSnapshotTrouble);
        const { file, generation } = await claimGeneration(folder, disk, writing);`,
      ),
      edit(
        "coordinator/journal/journal.js",
        "= await readWithSnapshots({ folder, below: generation }, disk, onSnapshotTrouble);",
        "= early;",
      ),
    ],
  },
  {
    name: "means-of-the-last-holder-stay",
    says: "a new holder of a lock does not remove the folder of the previous holder",
    breaks: [
      "one-holder",
      "record-before-answer",
      "cancelled-or-published",
      "every-job-ends",
      "published-once",
      "nothing-left-behind",
    ],
    storage: "disk",
    edits: [edit("coordinator/job/lock-output.js", "() => lock.sweep()", "async () => {}")],
  },
  {
    name: "sweep-of-what-came-later",
    says: "a coordinator that lost its lock removes the folder of its successor",
    breaks: ["every-job-ends", "one-holder", "published-once"],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/held-lock.js",
        "readdir(folder);\n        // Reads the lock after listing the folder: a later holder's names are not in the list.\n        await this.look();",
        "readdir(folder);",
      ),
    ],
  },
  {
    name: "swept-file-by-file",
    says: "a coordinator removes the folder of the previous holder file by file",
    breaks: ["whole-or-nothing", "every-job-ends"],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/held-lock.js",
        "await disk.rename(join(folder, other), swept).catch(ignoreMissing);\n            await disk.remove(swept);",
        "await disk.remove(join(folder, other));",
      ),
    ],
  },
  {
    name: "lock-removed-by-its-name",
    says: "a coordinator that pauses before it releases its lock removes the lock of another",
    breaks: ["one-holder", "nothing-left-behind"],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/lock-file.js",
        "await disk.rename(path, removed);",
        "return await disk.unlink(path);",
      ),
    ],
  },
  {
    name: "own-folder-recreated",
    says: "a replaced coordinator creates its own folder again and publishes from there",
    breaks: ["whole-or-nothing", "every-job-ends", "published-once", "one-holder", "record-before-answer"],
    storage: "disk",
    edits: [edit("shared/core/make-folders.js", " || OWN_FOLDER.test(parent)", "")],
  },
  {
    name: "failed-by-a-successor",
    says: "a replaced coordinator fails the job because its successor removed files",
    breaks: ["every-job-ends"],
    storage: "disk",
    edits: [edit("coordinator/job/job-shell.js", "await this.#options.work.whyLost()", "null")],
  },
  {
    name: "removed-where-it-is",
    says: "a coordinator removes one by one the files that its successor also uses",
    breaks: [
      "nothing-left-behind",
      "replay-is-the-state",
      "one-holder",
      "record-before-answer",
      "cancelled-or-published",
      "every-job-ends",
      "published-once",
    ],
    storage: "disk",
    edits: [
      edit(
        "coordinator/journal/held-lock.js",
        "const removed = await this.#nextOwn();",
        "return await disk.remove(path);",
      ),
    ],
  },
  {
    name: "replacement-not-reported",
    says: "a replaced coordinator reports a missing file instead of its replacement",
    breaks: ["every-job-ends"],
    storage: "disk",
    edits: [edit("coordinator/job/open-output.js", "(await lock?.whyLost()) ?? error", "error")],
  },
  {
    name: "unseen-counts-as-lost",
    says: "a coordinator in another PID namespace counts as exited at once",
    breaks: ["tokens-grow", "one-holder"],
    edits: [edit("coordinator/journal/lock.js", 'if (state === "exited")', 'if (state !== "running")')],
  },
];
