import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { jsonOption } from "../shared/terminal/command-parts.ts";

interface ProbeArguments {
  readonly json: boolean;
}

export const probeCommand: CommandModule<object, ProbeArguments> = {
  command: "probe",
  describe: "Show which devices of this machine really run a model, and which libraries it has",
  builder: (yargs) =>
    yargs
      .option("json", jsonOption)
      .example("$0 probe", "Runs a small model on each device, in a process of its own"),
  handler: async ({ json }) => {
    const { probeDevices } = await import("../shared/onnx/probe.ts");
    const { findLibraries } = await import("../shared/extension/libraries.ts");
    const { probeText } = await import("./render/probe-text.ts");
    const { printText } = await import("../shared/terminal/print-text.ts");
    const devices = await probeDevices({ signal: NEVER });
    const libraries = await findLibraries();
    const { checkSharedSession } = await import("../shared/onnx/shared-session/check-shared-session.ts");
    const reason = await checkSharedSession();
    const sessions = { shared: reason === null, reason };
    if (json) process.stdout.write(`${JSON.stringify({ devices, libraries, sessions })}\n`);
    else printText(process.stdout, (style) => probeText({ devices, libraries, sessions }, style));
  },
};
