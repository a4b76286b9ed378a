import type { PlannedJob } from "../../shared/domain/job.ts";
import { leftOutPhrases } from "../../shared/domain/left-out.ts";
import type { JournalRecord } from "../schedule/state/record.ts";

/**
 * What whoever starts the job should know, a line each.
 *
 * @param builds see {@link buildsOf}
 */
export function startNotes({ leftOut }: Pick<PlannedJob, "leftOut">, builds: readonly string[]): string[] {
  const before = builds.slice(0, -1).join(", then ");
  return [
    ...(before === ""
      ? []
      : [`begun by shardmill ${before}, this is ${builds.at(-1)}: the manifest will list them`]),
    ...(leftOut.length === 0 ? [] : [`left out of the input: ${leftOutPhrases(leftOut).join("; ")}`]),
  ];
}

/** The versions of Shardmill that have worked on a job, each once, this one last. */
export function buildsOf(records: readonly JournalRecord[]): string[] {
  const builds = records.flatMap((record) => (record.kind === "generationStarted" ? [record.build] : []));
  return [...new Set(builds.reverse())].reverse();
}
