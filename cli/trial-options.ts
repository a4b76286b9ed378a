import type { Options } from "yargs";
import { ShardmillError } from "../shared/core/errors.ts";
import { withoutTrailingSlashes } from "../shared/core/without-slashes.ts";
import type { KeyPath } from "../shared/job-file/key-path.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { numberFrom } from "../shared/terminal/command-parts.ts";
import { readRunJob } from "./read-run-job.ts";

/** Options of a trial: the job over some of its rows, published next to the whole job's output. */
export const trialOptions = {
  limit: {
    type: "string",
    requiresArg: true,
    describe: "A trial over the first N rows, published to <output.path>-trial",
  },
  sample: {
    type: "string",
    requiresArg: true,
    describe:
      "A trial over this share of the rows (0.01: one in a hundred), published to <output.path>-trial",
  },
  seed: {
    type: "string",
    requiresArg: true,
    describe: "Seed of the selection by --sample",
    defaultDescription: "0",
  },
} as const satisfies Record<string, Options>;

export type TrialArguments = Readonly<Record<keyof typeof trialOptions, string | undefined>>;

interface JobArguments extends TrialArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at: string | undefined;
}

const TRIAL_SUFFIX = "-trial";
const MOST_SEED = 4_294_967_295;

/**
 * Reads the job file of a command, with the changes of its options. A trial goes to its own folder, unless
 * the command line sets one. So a trial never meets or replaces the job's real output. Names the folder on
 * stderr.
 *
 * @throws {ARGUMENT_INVALID} {SPEC_INVALID}
 */
export async function readJob(args: JobArguments): Promise<JobSource> {
  const { parseKeyPath } = await import("../shared/job-file/key-path.ts");
  const trial = trialKeys(args);
  const source = await readRunJob({ ...args, set: [...args.set, ...trial] });
  if (trial.length === 0 || args.set.some((text) => setsOutput(parseKeyPath(text)?.path))) return source;
  const { spec, jobOutput: whole } = source;
  const path = `${withoutTrailingSlashes(whole)}${TRIAL_SUFFIX}`;
  process.stderr.write(`a trial: its output is ${path}, and ${whole} stays as it is\n`);
  return { ...source, spec: { ...spec, output: { ...spec.output, path } } };
}

/** Returns the options as keys of the job file. */
function trialKeys({ limit, sample, seed }: TrialArguments): string[] {
  if (seed !== undefined && sample === undefined)
    throw new ShardmillError("ARGUMENT_INVALID", "--seed needs --sample", {
      hint: "set both, as in --sample 0.01 --seed 7",
    });
  const whole = { least: 0, most: MOST_SEED, whole: true };
  const rows = { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true };
  return [
    ...(sample === undefined
      ? []
      : [`input.sample={share: ${shareFrom(sample)}, seed: ${numberFrom(seed ?? "0", "seed", whole)}}`]),
    // A trial of a job over new input: rows that the trial skips must stay new.
    ...(sample === undefined && limit === undefined ? [] : ["input.new=false"]),
    ...(limit === undefined ? [] : [`input.limit=${numberFrom(limit, "limit", rows)}`]),
  ];
}

function shareFrom(value: string): number {
  const share = value.trim() === "" ? Number.NaN : Number(value);
  if (share > 0 && share <= 1) return share;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `--sample must be a share above 0 and at most 1, as in 0.01, not ${value.trim() === "" ? "empty" : value}`,
    { fields: { option: "sample", found: value } },
  );
}

function setsOutput([group, key]: KeyPath = []): boolean {
  return group === "output" && (key === undefined || key === "path");
}
