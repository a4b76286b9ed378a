import { edit, type Mutant } from "./mutant.ts";

/** Bugs in what is published, when it becomes visible, and which files are left. */
export const PUBLISH_MUTANTS: readonly Mutant[] = [
  {
    name: "rename-instead-of-link",
    says: "the manifest replaces an existing manifest",
    breaks: ["published-once"],
    edits: [
      edit(
        "coordinator/publish/publish.js",
        "await storage.link(below(paths.stage, MANIFEST_NAME), target);",
        "await storage.rename(below(paths.stage, MANIFEST_NAME), target);",
      ),
    ],
  },
  {
    name: "disk-beside-a-bucket-not-synced",
    says: "the marker of a clearing is removed before the removal of the journal on disk is durable",
    breaks: ["every-job-ends", "record-before-answer", "replay-is-the-state", "commits-stay-whole"],
    storage: "bucket",
    edits: [edit("coordinator/publish/clear-output.js", "if (!storage.can.sync)", "if (false)")],
  },
  {
    name: "changed-output-counts-as-foreign",
    says: "an output that another coordinator starts over during the check counts as foreign",
    breaks: ["every-job-ends"],
    edits: [
      edit(
        "coordinator/publish/output-folder.js",
        'return entries.includes(MANIFEST_NAME) ? "changed"',
        'return false ? "changed"',
      ),
    ],
  },
  {
    name: "intent-rewritten",
    says: "on a disk, the next coordinator announces a manifest that differs from the visible one",
    breaks: ["published-once"],
    storage: "disk",
    edits: [
      edit(
        "coordinator/publish/by-rename.js",
        "before?.outputDigest === manifest.outputDigest",
        "before === manifest",
      ),
    ],
  },
  {
    name: "manifest-over-another",
    says: "in a bucket, the manifest replaces an existing manifest",
    breaks: ["published-once"],
    edits: [edit("coordinator/publish/publish.js", "ifAbsent: true,", "")],
  },
  {
    name: "manifest-before-last-copy",
    says: "in a bucket, the manifest does not wait for the files that it names",
    breaks: ["whole-or-nothing", "every-job-ends", "legal-moves"],
    edits: [
      edit(
        "coordinator/publish/by-copy.js",
        "        await mapConcurrent(parts",
        "        void mapConcurrent(parts",
      ),
    ],
  },
  {
    name: "late-copy-trusted",
    says: "in a bucket, a failed copy counts as one that is still in progress",
    breaks: ["whole-or-nothing"],
    storage: "bucket",
    edits: [
      edit(
        "coordinator/publish/by-copy.js",
        'if (!there.has(to) || !isShardmillError(error, "STORE_NOT_FOUND"))',
        "if (false)",
      ),
      edit(
        "coordinator/publish/by-copy.js",
        "await this.#compared(to, file);\n            if (isRight)",
        "await this.#compared(to, file).catch(() => ({ isRight: true }));\n            if (isRight)",
      ),
      edit("coordinator/publish/by-copy.js", "if (missing === undefined)", "if (true)"),
    ],
  },
  {
    name: "listing-based-reduce",
    says: "the output is made from the files in the folder, not from those in the journal",
    breaks: ["first-commit-wins", "every-job-ends"],
    edits: [
      edit(
        "coordinator/job/job-output.js",
        "await this.partials.sweep(partials, state.generation).catch(ignorePlaceError);",
        "",
      ),
      edit(
        "coordinator/job/job-output.js",
        "const partials = committedPartials(state);",
        `const names = (await seams.disk.readdir(this.#paths.partials)).sort();
        const partials = committedPartials(state).map((partial) => {
            const name = names.find((candidate) => candidate.startsWith(\`\${partial.shard}-\`));
            const found = /-(\\d+)\\.(\\d+)-(\\w+)$/.exec(name);
            return { ...partial, executionId: found[3], token: { generation: Number(found[1]), sequence: Number(found[2]) } };
        });`,
      ),
    ],
  },
  {
    name: "intent-not-recorded",
    says: "the output appears without a durable intent to publish",
    breaks: ["cancelled-or-published"],
    edits: [
      edit(
        "coordinator/schedule/events/job-events.js",
        'recordDurably(context, { kind: "publishIntent", outputDigest });',
        'recordDurably(context, { kind: "publishIntent", outputDigest });\n    context.effects.pop();',
      ),
    ],
  },
  {
    name: "cancel-after-intent",
    says: "a job can be cancelled while it is published",
    breaks: ["cancelled-or-published"],
    edits: [
      edit(
        "coordinator/schedule/events/job-events.js",
        'if (context.state.phase.kind === "publishing") {',
        "if (false) {",
      ),
    ],
  },
  {
    name: "filtered-not-published",
    says: "the manifest does not list the missing rows",
    breaks: ["every-row-once"],
    edits: [
      edit(
        "coordinator/publish/layout.js",
        "(name) => counts[name]",
        '(name) => (name === "rowsFiltered" ? 0 : counts[name])',
      ),
    ],
  },
  {
    name: "lock-released-before-cleaning",
    says: "work files are removed without the lock",
    breaks: ["nothing-left-behind"],
    edits: [
      edit(
        "coordinator/publish/cleanup.js",
        "await removeFromDisk(paths, place, isOfLock);",
        "await removeFromDisk(paths, place, () => false);",
      ),
    ],
  },
  {
    name: "bucket-files-not-cleared",
    says: "in a bucket, starting over leaves the files that an earlier run published",
    breaks: ["every-job-ends"],
    storage: "bucket",
    edits: [
      edit(
        "coordinator/publish/clear-output.js",
        "        await remove(below(output, OUTPUT_FOLDERS[kind]));\n",
        "",
      ),
    ],
  },
  {
    name: "bucket-manifest-not-cleared",
    says: "in a bucket, starting over leaves the manifest that an earlier run published",
    breaks: ["commits-stay-whole", "every-job-ends"],
    storage: "bucket",
    edits: [
      edit("coordinator/publish/clear-output.js", "    await remove(below(output, MANIFEST_NAME));\n", ""),
    ],
  },
];
