import type { z } from "zod";
import type { JobSource } from "../job-file/read-job-file.ts";
import type { RunSource } from "../job-file/read-run.ts";

/**
 * Key at the top of a job file that makes several runs of the job. Without the extension a job file with the
 * key is refused. At most one extension has this part.
 */
export interface RunsPart {
  /** Description of the option `--at`, by which commands run one of the runs, and of its default. */
  readonly at: { readonly says: string; readonly usual: string };
  /**
   * Loads the key. Its code must not import what checks job files: the schema of job files waits for it.
   */
  load(): Promise<RunsKey>;
}

export interface RunsKey {
  /** Key in the job file: `trigger`. */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Schema of the key's value. */
  readonly spec: z.ZodType<object>;
  /** Reports rules that the key breaks together with others. The job may break any others, too. */
  check(job: unknown, context: z.core.$RefinementCtx): void;
  /** Key below it that makes the input what is new, as `input.new` does: `files`. */
  readonly news: string;
  /** Key below it that makes an input of its own, and the name that stands for `input.path` then. */
  readonly input: { readonly key: string; readonly path: string };
  /** Command that makes the runs: `serve`. */
  readonly command: string;
  /** Folder beside the runs in which that command keeps what it needs: `_trigger`. */
  readonly folder: `_${string}`;
  /**
   * Reads any job file as the run that a command is about. Without the key that is the job itself.
   *
   * @throws {SPEC_INVALID}; {ARGUMENT_INVALID} for an `at` that is no run of the job
   */
  readRun(reading: RunReading): RunSource;
}

/** Job file of which one run is to be read. */
export interface RunReading {
  readonly text: string;
  /** Parses the text with these variables. @throws {SPEC_INVALID} */
  readonly parse: (env: NodeJS.ProcessEnv) => JobSource;
  readonly env: NodeJS.ProcessEnv;
  /** Value of `--at`. */
  readonly at: string | undefined;
  readonly nowMs: number;
}
