import type { CommandModule } from "yargs";
import type { ListedRun } from "../coordinator/trigger/list-runs.ts";
import { parseLocation } from "../shared/domain/location.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { jsonOption, numberFrom, setOption } from "../shared/terminal/command-parts.ts";
import { createStyle } from "../shared/terminal/style.ts";
import { runsText } from "./render/runs-text.ts";

interface RunsArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly last: string;
  readonly next: string;
  readonly json: boolean;
}

export const runsCommand: CommandModule<object, RunsArguments> = {
  command: "runs <job>",
  describe: "List the runs of a job that has several: those that were, and the next ones of its schedule",
  builder: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .option("last", {
        type: "string",
        requiresArg: true,
        default: "20",
        describe: "So many that were",
      })
      .option("next", {
        type: "string",
        requiresArg: true,
        default: "5",
        describe: "So many that come",
      })
      .option("json", jsonOption)
      .example("$0 runs job.yaml", "What became of the last runs, and when the next ones are")
      .example("$0 runs job.yaml --last 0 --next 20", "Tries a schedule, over the next change of clocks too"),
  handler: async (args) => {
    const { readTriggered } = await import("../shared/job-file/read-run.ts");
    const { nextFirings } = await import("../shared/domain/firing.ts");
    const bounds = { least: 0, most: 10_000, whole: true };
    const [last, next] = [numberFrom(args.last, "last", bounds), numberFrom(args.next, "next", bounds)];
    const nowMs = Date.now();
    const source = await readTriggered(args.job, { set: args.set, env: process.env }, nowMs);
    const { trigger } = source;
    const facts = {
      runs: await foundRuns(source, last),
      next: trigger?.kind === "timed" ? nextFirings(trigger, nowMs, next) : [],
    };
    process.stdout.write(
      args.json ? `${JSON.stringify(facts)}\n` : runsText(facts, createStyle(process.stdout)),
    );
  },
};

async function foundRuns({ spec }: JobSource, last: number): Promise<readonly ListedRun[]> {
  const { listed, listRuns } = await import("../coordinator/trigger/list-runs.ts");
  const { ledgerFolder, readLedger } = await import("../coordinator/trigger/trigger-ledger.ts");
  const { readStores } = await import("../coordinator/plan/read-stores.ts");
  const { JobStorages } = await import("../shared/storage/job-storages.ts");
  await using storages = new JobStorages();
  const base = parseLocation(spec.output.path);
  const storage = await storages.of({ stores: await readStores(spec) }).at(base);
  const folder = await ledgerFolder(spec, storage);
  const { readOpenWindows, windowsFolder } = await import("../coordinator/queue/spool.ts");
  const remembered = {
    ledger: await readLedger(folder),
    windows: await readOpenWindows(windowsFolder(folder)),
  };
  return listed(await listRuns(base, storage, last), remembered, last);
}
