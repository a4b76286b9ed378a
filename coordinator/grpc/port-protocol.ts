import type { LogLevel } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { CombinedTable, JobResults } from "../../shared/extension/results-view.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { Guard } from "../access/judge.ts";

/** Options of the server in the thread of a port. */
export interface PortThreadOptions {
  /** Option of commands that asks for the port: `flight`. */
  readonly port: string;
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  /** Option that gave it, named where it is wrong: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  readonly listening: Listening;
  readonly logLevel: LogLevel;
}

/** Methods of the thread that serves a port. */
export interface PortThreadMethods {
  /** Starts to serve. @returns the address, with the real port */
  listen(options: PortThreadOptions): Promise<string>;
  close(graceMs: number): Promise<void>;
}

/** Methods of its owner: those of a `ResultsView`, with one argument each. */
export interface PortOwnerMethods {
  jobs(argument: null): Promise<readonly JobResults[]>;
  combined(asked: { readonly jobId: JobId; readonly reduction: string }): Promise<readonly CombinedTable[]>;
}
