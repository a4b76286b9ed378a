import type { CommandModule } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { createStyle } from "../shared/terminal/style.ts";
import { clientOptions } from "./options.ts";
import { workersTable } from "./render/workers-table.ts";
import { type ClientArguments, withCoordinator } from "./with-coordinator.ts";

export const workersCommand: CommandModule<object, ClientArguments> = {
  command: "workers",
  describe: "List the workers of a running coordinator",
  builder: (yargs) =>
    yargs
      .options(clientOptions)
      .example("$0 workers --coordinator node1:7433", "Shows its workers and how busy each is"),
  handler: (args) =>
    withCoordinator(args, async ({ workers }) => {
      const found = await workers.listWorkers(NEVER);
      const text = args.json ? JSON.stringify(found) : workersTable(found, createStyle(process.stdout));
      process.stdout.write(`${text}\n`);
    }),
};
