import type { CommandModule } from "yargs";
import { note } from "./report/report.ts";
import { prepareWorkload, WORKLOADS, type WorkloadName } from "./workloads/workload.ts";

interface WorkloadsArguments {
  readonly only: readonly string[];
  readonly rows: number | undefined;
}

export const workloadsCommand: CommandModule<object, WorkloadsArguments> = {
  command: "workloads",
  describe: `Makes the missing input of the other benches (${WORKLOADS.join(", ")})`,
  builder: (yargs) =>
    yargs.options({
      only: {
        type: "string",
        array: true,
        choices: WORKLOADS,
        default: [...WORKLOADS],
        describe: "Only these workloads",
      },
      rows: { type: "number", describe: "Rows of each. Default: about a minute on two cores" },
    }),
  handler: async ({ only, rows }) => {
    for (const name of WORKLOADS.filter((each: WorkloadName) => only.includes(each))) {
      const workload = await prepareWorkload(name, rows === undefined ? {} : { rows });
      note(`${name}: ${workload.rows} rows in ${workload.folder}; ${workload.about}`);
    }
  },
};
