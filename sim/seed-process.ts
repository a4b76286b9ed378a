import { type SimulateOptions, simulate } from "./simulate.ts";

/** Entry of a process that runs seeds one after another, until its owner ends it: see `SeedProcesses`. */

export interface SeedQuestion {
  readonly seed: number;
  readonly options: SimulateOptions;
}

process.once("disconnect", () => process.exit(1));
process.on("message", async ({ seed, options }: SeedQuestion) => {
  process.send?.(await simulate(seed, options));
});
