import type { FlightPart, ServedJob } from "../../extensions/flight/flight.ts";
import type { LogLevel } from "../../shared/core/log.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { Guard } from "../access/judge.ts";

/** Options of the server in a Flight thread. */
export interface FlightThreadOptions {
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  /** Option that gave it: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  readonly listening: Listening;
  readonly logLevel: LogLevel;
}

/** Methods of the thread that serves results by Arrow Flight. */
export interface FlightThreadMethods {
  /** Starts to serve. @returns the address, with the real port */
  listen(options: FlightThreadOptions): Promise<string>;
  close(graceMs: number): Promise<void>;
}

/** Methods of its owner: those of a `FlightOwner`, with one argument each. */
export interface FlightOwnerMethods {
  jobs(argument: null): Promise<readonly ServedJob[]>;
  combined(asked: { readonly jobId: string; readonly reduction: string }): Promise<readonly FlightPart[]>;
}
