import type { LogLevel } from "../../shared/core/log-levels.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { CombinedTable, JobResults } from "../../shared/extension/results-view.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { Guard } from "../access/judge.ts";

/** Options of the server in a port's thread. */
export interface PortThreadOptions {
  /** Command option that asks for the port: `flight`. */
  readonly port: string;
  /** Address `host:port`. Port 0: any free port. */
  readonly listen: string;
  /** Option with that address, for errors: `--flight`. */
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

/** Methods of the thread's owner: the methods of a `ResultsView`, with one argument each. */
export interface PortOwnerMethods {
  jobs(argument: null): Promise<readonly JobResults[]>;
  combined(requested: {
    readonly jobId: JobId;
    readonly reduction: string;
  }): Promise<readonly CombinedTable[]>;
}
