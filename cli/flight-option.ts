import type { Coordinator, CoordinatorOptions } from "../coordinator/coordinator.ts";
import type { LogLevel } from "../shared/core/log.ts";

/** What `--flight` means to a coordinator. */
export function flightTo(listen: string | undefined, logLevel: LogLevel): Pick<CoordinatorOptions, "flight"> {
  return listen === undefined ? {} : { flight: { listen, logLevel } };
}

/** Says where results are served; the port may be one that was free. */
export function tellFlight({ flightAddress }: Coordinator): void {
  if (flightAddress !== null) process.stderr.write(`Arrow Flight on ${flightAddress}\n`);
}
