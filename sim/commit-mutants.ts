import { edit, type Mutant } from "./mutant.ts";

/** Bugs in how partials are accepted, which of their files are kept, and how their rows are counted. */
export const COMMIT_MUTANTS: readonly Mutant[] = [
  {
    name: "last-commit-wins",
    says: "a later partial replaces the committed one",
    breaks: ["first-commit-wins"],
    edits: [
      edit(
        "coordinator/schedule/events/offer-events.js",
        `    resolveOffer(context, partial, { kind: "alreadyCommitted" });
    discardLoser(context, partial);
}`,
        `    context.state.shards[partial.shard].state = { kind: "committed", partial };
    context.effects.push({ kind: "append", record: { kind: "shardCommitted", partial }, durable: true });
    resolveOffer(context, partial, { kind: "committed" });
}`,
      ),
    ],
  },
  {
    name: "no-digest-check",
    says: "partials are accepted and reduced without a check of their digests",
    breaks: ["commits-stay-whole", "whole-or-nothing", "same-commits-same-output"],
    edits: [edit("coordinator/commit/check-file.js", "if (sha256 !== file.sha256) {", "if (false) {")],
  },
  {
    name: "partial-named-by-token",
    says: "the name of a partial does not contain its execution",
    breaks: ["commits-stay-whole"],
    edits: [edit("shared/domain/partial.js", "partial.executionId}`", '"x"}`')],
  },
  {
    name: "no-fence",
    says: "partials with revoked tokens are accepted",
    breaks: ["stale-is-fenced"],
    edits: [
      edit(
        "coordinator/schedule/policy/answers.js",
        'return end === null || end.kind === "expired" || end.kind === "lost" ? null : staleLease(id, token);',
        "return null;",
      ),
    ],
  },
  {
    name: "partials-not-synced",
    says: "a partial is committed before its files are durable",
    breaks: ["commits-stay-whole"],
    edits: [
      edit("coordinator/commit/check-partial.js", "await makeDurable(partial, location, storage);", ""),
      edit("worker/write/partial-sink.js", "await storage.sync(below(folder, name));", ""),
    ],
  },
  {
    name: "winner-discarded",
    says: "a repeated offer that is refused deletes the committed files",
    breaks: ["commits-stay-whole"],
    edits: [
      edit("coordinator/schedule/policy/answers.js", "if (!inUse && !committed)", "if (true)"),
      edit(
        "coordinator/schedule/events/offer-events.js",
        `    if (isCommittedPartial(context.state, partial)) {
        resolveOffer(context, partial, { kind: "committed" });
        return;
    }
    const sameName`,
        "    const sameName",
      ),
      edit("coordinator/schedule/events/offer-events.js", "    if (sameName) {", "    if (false) {"),
    ],
  },
  {
    name: "filtered-not-counted",
    says: "rows that a step dropped are missing in the counts",
    breaks: ["every-row-once", "counts-agree"],
    edits: [
      edit(
        "coordinator/schedule/state/evolve-shard.js",
        "sign * partial[name];",
        'sign * (sign > 0 && name === "rowsFiltered" ? 0 : partial[name]);',
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
        "sign * partial[name];",
        'sign * (sign < 0 && name === "rowsFiltered" ? 0 : partial[name]);',
      ),
    ],
  },
  {
    name: "truncated-counted-twice",
    says: "a shard that is revoked, and committed again, counts its truncated rows twice",
    breaks: ["counts-agree"],
    edits: [
      edit(
        "coordinator/schedule/state/evolve-shard.js",
        "sign * partial[name];",
        'sign * (sign < 0 && name === "rowsTruncated" ? 0 : partial[name]);',
      ),
    ],
  },
  {
    name: "truncated-lost-at-resume",
    says: "a coordinator that resumes a job does not count the truncated rows of committed shards",
    breaks: ["replay-is-the-state", "counts-agree"],
    edits: [
      edit(
        "coordinator/journal/record-shape.js",
        "record: withAllCounts(value) }",
        'record: kind === "shardCommitted" ? { ...value, partial: { ...value.partial, rowsTruncated: 0 } } : value }',
      ),
    ],
  },
];
