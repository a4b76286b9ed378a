import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import type { ServerInfo } from "../shared/domain/server-info.ts";
import { printText } from "../shared/terminal/print-text.ts";
import { clientOptions } from "./options.ts";
import { versionsText } from "./render/versions-text.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

type VersionArguments = Omit<ClientArguments, "coordinator"> & { readonly coordinator: string | undefined };

/** Option without a default: no coordinator is called unless one is named. */
const requested = {
  ...clientOptions.coordinator,
  default: process.env.SHARDMILL_COORDINATOR,
  defaultDescription: "none",
} as const;

export const versionCommand: CommandModule<object, VersionArguments> = {
  command: "version",
  describe: "Show the version, and that of a running coordinator",
  builder: (yargs) =>
    yargs
      .options({ ...clientOptions, coordinator: requested })
      .example(
        "$0 version --coordinator node1:7433",
        "Shows whether workers of this version may join that one",
      ),
  handler: async (args) => {
    const { coordinator } = args;
    if (coordinator === undefined) return await show(args.json);
    await withCoordinator({ ...args, coordinator }, async ({ server }) => {
      await show(args.json, await server.getServerInfo(NEVER));
    });
  },
};

async function show(json: boolean, coordinator: ServerInfo | null = null): Promise<void> {
  const { ownVersions } = await import("../shared/wire/protocol.ts");
  const own = ownVersions();
  if (json) process.stdout.write(`${JSON.stringify({ own, coordinator })}\n`);
  else printText(process.stdout, () => versionsText(own, coordinator, Date.now()));
}
