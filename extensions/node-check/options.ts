import { ShardmillError } from "../../shared/core/errors.ts";
import { CONCRETE_DEVICES } from "../../shared/domain/device.ts";
import { defineProbeChecks } from "../../shared/extension/probe.ts";
import { numberFrom } from "../../shared/terminal/command-parts.ts";

/** Limit of a device's time: a day, for tests under emulation. */
const MOST_MINUTES = 1_440;
/** Limits of the time for each measurement. Longer ones tell no more. */
const MEASURE_MS = { least: 250, most: 8_000 } as const;
/** Measurements and starts that share a device's time: some thirty of each, and as much in reserve. */
const SHARES = 75;

/** Options that mean nothing without `--full`, with their defaults. */
const ALONE = { short: false, minutes: "10" } as const;

export const fullChecks = defineProbeChecks({
  options: (yargs) =>
    yargs
      .option("full", {
        type: "boolean",
        default: false,
        describe: "Also run jobs on the GPUs, or else on the CPU, next to the model alone, and check them",
      })
      .option("device", {
        choices: CONCRETE_DEVICES,
        requiresArg: true,
        defaultDescription: "each GPU, or else the CPU",
        describe: "With --full: the device to check",
      })
      .option("minutes", {
        type: "string",
        requiresArg: true,
        default: ALONE.minutes,
        describe: "With --full: longest time for each GPU",
      })
      .option("short", {
        type: "boolean",
        default: ALONE.short,
        describe: "With --full: check everything with few rows, so that speeds mean little",
      })
      .example(
        "$0 probe --full -o node.json",
        "Checks a node in ten minutes for each GPU, and keeps the figures",
      )
      .example(
        "$0 probe --full --short --device webgpu",
        "Checks with few rows that jobs run on this device",
      ),
  ask({ full, device, minutes, short }) {
    const limit = numberFrom(minutes, "minutes", { least: 0.1, most: MOST_MINUTES, whole: false });
    if (!full) {
      if (device !== undefined || short || minutes !== ALONE.minutes) throw needsFull();
      return null;
    }
    return async (machine) => {
      const { checkNode } = await import("./check-node.ts");
      const limitMs = 60_000 * limit;
      const { least, most } = MEASURE_MS;
      const measureMs = short ? least : Math.max(least, Math.min(most, limitMs / SHARES));
      return checkNode(machine, { device: device ?? null, limitMs, measureMs });
    };
  },
});

function needsFull(): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", "--device, --minutes and --short are options of --full", {
    hint: "add --full, or leave them out",
  });
}
