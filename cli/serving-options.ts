import type { Coordinator, CoordinatorOptions } from "../coordinator/coordinator.ts";
import type { LogLevel, LogTail } from "../shared/core/log.ts";
import { DEFAULT_HTTP } from "./options.ts";

/** Where a command that coordinates serves more than its workers. */
export interface ServingArguments {
  readonly flight: string | undefined;
  readonly http: string | undefined;
}

/** What `--flight` and `--http` mean to a coordinator. */
export function servingTo(
  { flight, http }: ServingArguments,
  logLevel: LogLevel,
  tail: LogTail,
): Pick<CoordinatorOptions, "flight" | "http"> {
  return {
    ...(flight === undefined ? {} : { flight: { listen: flight, logLevel } }),
    ...(http === undefined ? {} : { http: { listen: http === "" ? DEFAULT_HTTP : http, tail } }),
  };
}

/** Prints these addresses, since ports may be any that were free, and the commands that use them next. */
export function tellServing({ address, flightAddress, httpUrl }: Coordinator): void {
  if (flightAddress !== null) process.stderr.write(`Arrow Flight on ${flightAddress}\n`);
  if (httpUrl !== null) {
    const { host, protocol } = new URL(httpUrl);
    const ca = protocol === "https:" ? " --tls-ca FILE" : "";
    process.stderr.write(`HTTP on ${httpUrl}\n`);
    process.stderr.write(`  for its page: shardmill page --http ${host}${ca}\n`);
    process.stderr.write(`  on each node: shardmill worker --coordinator ${address}${ca}\n`);
  }
}
