import type { Options } from "yargs";
import type { Coordinator, CoordinatorOptions } from "../coordinator/coordinator.ts";
import { systemClock } from "../shared/core/clock.ts";
import type { Logger, LogTail } from "../shared/core/log.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import { openTracer } from "../shared/extension/open-tracer.ts";
import { logFormatOption, logLevelOption, secretFileOption } from "../shared/terminal/command-parts.ts";
import {
  type ListeningArguments,
  listeningOf,
  listeningOptions,
  othersOf,
} from "../shared/terminal/listening-options.ts";
import { checkConversion } from "./check-conversion.ts";
import { DEFAULT_PORT } from "./options.ts";
import { maxJobsOption, stateOption } from "./remembered.ts";
import { type RightsArguments, rightsOf, rightsOptions } from "./rights-options.ts";
import { type ScheduleArguments, scheduleOf, scheduleOptions } from "./schedule-options.ts";
import {
  httpOption,
  portOptions,
  printServing,
  type ServingArguments,
  servingTo,
} from "./serving-options.ts";

/** Options of commands that coordinate workers of other machines. */
export const coordinatorOptions = {
  listen: {
    type: "string",
    requiresArg: true,
    default: `127.0.0.1:${DEFAULT_PORT}`,
    describe: "HOST:PORT to serve on (0.0.0.0: every interface, needs --tls-cert or --insecure)",
  },
  "address-file": {
    type: "string",
    requiresArg: true,
    describe: "File to write the coordinator's address to, for workers with --coordinator @FILE",
  },
  ...listeningOptions,
  ...portOptions,
  http: httpOption,
  "secret-file": secretFileOption,
  ...rightsOptions,
  "allow-local-addresses": {
    type: "boolean",
    default: false,
    describe: "Allow submitted jobs to use addresses of the machines themselves (127.0.0.1, 169.254.169.254)",
  },
  state: stateOption,
  "max-jobs": maxJobsOption,
  "log-level": { ...logLevelOption, defaultDescription: "info, or error with a live view" },
  "log-format": logFormatOption,
  ...scheduleOptions,
} as const satisfies Record<string, Options>;

export interface CoordinatorArguments
  extends ScheduleArguments,
    ListeningArguments,
    ServingArguments,
    RightsArguments {
  readonly listen: string;
  readonly "address-file": string | undefined;
  readonly "secret-file": string | undefined;
  readonly "allow-local-addresses": boolean;
  readonly state: string | undefined;
  readonly "max-jobs": number;
  readonly "log-level": LogLevel | undefined;
}

interface Own extends Pick<CoordinatorOptions, "remembers" | "served" | "isGuarded"> {
  readonly secret: string;
  readonly takesJobs: boolean;
  readonly hasOwnWorkers: boolean;
  readonly logLevel: LogLevel;
  readonly tail: LogTail;
  readonly log: Logger;
}

/** Checks options before any work starts. @throws {ARGUMENT_INVALID} */
export async function checkCoordinatorOptions(args: CoordinatorArguments): Promise<void> {
  scheduleOf(args);
  listeningOf(args);
  await rightsOf(args);
}

/** Starts a coordinator with these options, and prints its addresses on stderr. */
export async function openCoordinator(args: CoordinatorArguments, own: Own): Promise<Coordinator> {
  const { startCoordinator } = await import("../coordinator/coordinator.ts");
  const { secret, takesJobs, hasOwnWorkers, logLevel, tail, log, ...rest } = own;
  const coordinator = await startCoordinator({
    ...rest,
    listen: args.listen,
    guard: { secret, ...(await othersOf(args)), takesJobs },
    listening: { ...listeningOf(args), ...(hasOwnWorkers ? { forOwnWorkers: true } : {}) },
    rights: await rightsOf(args),
    clock: systemClock,
    log,
    tracer: await openTracer("shardmill-coordinator", log),
    schedule: scheduleOf(args),
    checkConversion,
    ...servingTo(args, logLevel, tail),
    jobsOfOne: args["max-jobs"],
  });
  printServing(coordinator);
  if (args["address-file"] !== undefined) {
    const { writeAddressFile } = await import("../shared/wire/address-file.ts");
    await writeAddressFile(args["address-file"], coordinator.address);
  }
  return coordinator;
}
