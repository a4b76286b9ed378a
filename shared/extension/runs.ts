import type { z } from "zod";
import type { JobSource } from "../job-file/read-job-file.ts";
import type { RunSource } from "../job-file/read-run.ts";

/**
 * Top-level key of a job file that makes several runs of the job. Without the extension, a job file with the
 * key is refused. At most one extension has this part.
 */
export interface RunsPart {
  /** Description of the option `--at`, by which commands select a run, and of its default. */
  readonly at: { readonly says: string; readonly usual: string };
  /** Loads the key. Its code must not import the checks of job files, whose schema waits for it. */
  load(): Promise<RunsKey>;
}

export interface RunsKey {
  /** Key in the job file: `trigger`. */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Schema of the key's value. */
  readonly spec: z.ZodType<object>;
  /** Reports rules that the key breaks together with other keys. The rest of the job may be invalid, too. */
  check(job: unknown, context: z.core.$RefinementCtx): void;
  /** Key below it that limits the input to new files, as `input.new` does: `files`. */
  readonly news: string;
  /** Key below it that provides an input, and the name that replaces `input.path`. */
  readonly input: { readonly key: string; readonly path: string };
  /** Command that makes the runs: `serve`. */
  readonly command: string;
  /** Folder beside the runs for the command's own files: `_trigger`. */
  readonly folder: `_${string}`;
  /**
   * Reads any job file as the run that a command concerns. Without the key, that is the job itself.
   *
   * @throws {SPEC_INVALID} as `readJobFile`
   * @throws {ARGUMENT_INVALID} when `at` is not a run of the job
   */
  readRun(reading: RunReading): RunSource;
}

/** Job file from which one run is read. */
export interface RunReading {
  readonly text: string;
  /** Parses the text with these variables. @throws {SPEC_INVALID} as `readJobFile` */
  readonly parse: (env: NodeJS.ProcessEnv) => JobSource;
  readonly env: NodeJS.ProcessEnv;
  /** Value of `--at`. */
  readonly at: string | undefined;
  readonly nowMs: number;
}
