import * as z from "zod";
import { EXTENSIONS } from "#extensions";
import { type Context, placeBy, refuse } from "./job-rules.ts";
import { isAddress, notAPath } from "./location.ts";

const journalPlace = z.enum(["disk", "bucket"]);

const workSpec = z.strictObject({
  journal: journalPlace
    .exactOptional()
    .describe(
      "`bucket`: the job's journal is in the output's bucket, and a coordinator on any machine can resume the job. See [the journal " +
        "in the bucket](#the-journal-in-the-bucket). Default: `disk`, that of the coordinator.",
    ),
  path: placeBy(notAPath)
    .exactOptional()
    .describe(
      "The folder on the coordinator's disk for files on their way to the bucket, and for the journal unless it is in the bucket. " +
        "Relative to the job file. Default: a folder of the user. See [output in a bucket](#output-in-a-bucket).",
    ),
});

/** Schema of `work` in the job file. */
export const WORK_SPEC = z.union([
  journalPlace.transform((journal): z.input<typeof workSpec> => ({ journal })).pipe(workSpec),
  workSpec,
]);

/** Checks whether an extension keeps journals in the outputs' buckets. */
function hasSharedJournals(): boolean {
  return EXTENSIONS.some((extension) => "journal" in extension);
}

/**
 * Checks that `work` is used only for output in a bucket. Output on a disk contains its work files, so that
 * every coordinator finds the lock.
 */
export function checkWork(
  {
    output,
    work,
  }: {
    readonly output: { readonly path: string };
    readonly work?: z.output<typeof workSpec> | undefined;
  },
  context: Context,
): void {
  if (work?.journal === "bucket" && !hasSharedJournals())
    refuse(context, ["work"], "asks for the journal in the bucket, and no extension here keeps it there", {
      expected: "`disk`, or no `work`: then it is on the coordinator's disk",
      hint: "remove `work`, or use a build of Shardmill that has such an extension",
    });
  if (work === undefined || isAddress(output.path)) return;
  refuse(context, ["work", ...(work.path === undefined ? [] : ["path"])], "is for output in a bucket", {
    expected: "no `work` while `output.path` is on a disk, which also has the journal",
    hint: "remove it",
  });
}
