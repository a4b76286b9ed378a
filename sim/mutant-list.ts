import { edit, type Mutant } from "./mutant.ts";
import { SEVERAL_JOBS_MUTANTS } from "./mutants-of-several-jobs.ts";
import { WORKER_MUTANTS } from "./mutants-of-workers.ts";

/** Bugs that each break a law, and those that the simulator once found in earnest. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "last-commit-wins",
    says: "a later partial takes the place of the committed one",
    breaks: ["first-commit-wins"],
    edits: [
      edit(
        "coordinator/schedule/events/offer-events.js",
        `    settleOffer(context, partial, { kind: "alreadyCommitted" });
    discardLoser(context, partial);
}`,
        `    context.state.shards[partial.shard].state = { kind: "committed", partial };
    context.effects.push({ kind: "append", record: { kind: "shardCommitted", partial }, durable: true });
    settleOffer(context, partial, { kind: "committed" });
}`,
      ),
    ],
  },
  {
    name: "no-digest-check",
    says: "partials are taken, and reduced, as they are found",
    breaks: ["commits-stay-whole", "whole-or-nothing"],
    edits: [edit("coordinator/commit/check-file.js", "if (sha256 !== file.sha256) {", "if (false) {")],
  },
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
    name: "partial-named-by-token",
    says: "the execution is no part of a partial's name",
    breaks: ["commits-stay-whole"],
    edits: [edit("shared/domain/partial.js", "partial.executionId}`", '"x"}`')],
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
    name: "no-fence",
    says: "partials under revoked tokens are taken",
    breaks: ["stale-is-fenced"],
    edits: [
      edit(
        "coordinator/schedule/policy/answers.js",
        'return end === null || end.kind === "expired" || end.kind === "died" ? null : staleLease(id, token);',
        "return null;",
      ),
    ],
  },
  {
    name: "rename-instead-of-link",
    says: "the manifest replaces whatever is there",
    breaks: ["published-once"],
    edits: [
      edit(
        "coordinator/publish/publish.js",
        "await storage.link(paths.publishing, target);",
        "await storage.rename(paths.publishing, target);",
      ),
    ],
  },
  {
    name: "manifest-over-another",
    says: "in a bucket, the manifest replaces whatever is there",
    breaks: ["published-once"],
    edits: [edit("coordinator/publish/publish.js", "{ ifAbsent: true }", "{}")],
  },
  {
    name: "manifest-before-last-copy",
    says: "in a bucket, the manifest does not wait for the files that it names",
    breaks: ["whole-or-nothing"],
    edits: [edit("coordinator/publish/by-copy.js", "await mapConcurrent(parts", "void mapConcurrent(parts")],
  },
  {
    name: "listing-based-reduce",
    says: "the output is made of what lies in the folder, not of what the journal names",
    breaks: ["first-commit-wins", "every-job-ends"],
    edits: [
      edit("coordinator/job/job-output.js", "await this.partials.sweep(partials).catch(ignoreStorage);", ""),
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
        "replay(config, opened.records, opened.generation)",
        'replay(config, opened.records.filter(({ kind }) => kind !== "shardCommitted"), opened.generation)',
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
  {
    name: "partials-not-synced",
    says: "a partial is committed before its files are durable",
    breaks: ["commits-stay-whole"],
    edits: [
      edit("coordinator/commit/check-partial.js", "await makeDurable(partial, location, storage);", ""),
      edit("worker/write/partial-sink.js", "await syncPath(join(path, name), disk);", ""),
    ],
  },
  {
    name: "winner-discarded",
    says: "a repeated, refused offer deletes the committed files",
    breaks: ["commits-stay-whole"],
    edits: [
      edit("coordinator/schedule/policy/answers.js", "if (!inUse && !committed)", "if (true)"),
      edit(
        "coordinator/schedule/events/offer-events.js",
        `    if (isCommittedPartial(context.state, partial)) {
        settleOffer(context, partial, { kind: "committed" });
        return;
    }
    const sameName`,
        "    const sameName",
      ),
      edit("coordinator/schedule/events/offer-events.js", "    if (sameName) {", "    if (false) {"),
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
    says: "a job that is being published can be cancelled",
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
    name: "filtered-not-counted",
    says: "rows that a step dropped are missing in the counts",
    breaks: ["every-row-once", "counts-agree"],
    edits: [
      edit(
        "coordinator/schedule/state/evolve-shard.js",
        "state.totals.filteredRows += partial.rowsFiltered;",
        "",
      ),
    ],
  },
  {
    name: "filtered-counted-twice",
    says: "a shard that is revoked, and committed again, counts its dropped rows twice",
    breaks: ["every-row-once", "counts-agree"],
    edits: [
      edit(
        "coordinator/schedule/state/evolve-shard.js",
        "state.totals.filteredRows -= partial.rowsFiltered;",
        "",
      ),
    ],
  },
  {
    name: "filtered-not-published",
    says: "the manifest does not say which rows are missing",
    breaks: ["every-row-once"],
    edits: [edit("coordinator/publish/layout.js", "filtered: rowsFiltered,", "filtered: 0,")],
  },
  {
    name: "lock-let-go-before-cleaning",
    says: "work files are removed without the lock",
    breaks: ["nothing-left-behind"],
    edits: [edit("coordinator/publish/cleanup.js", "if (!isOfLock(name))", "if (true)")],
  },
  ...WORKER_MUTANTS,
  ...SEVERAL_JOBS_MUTANTS,
];
