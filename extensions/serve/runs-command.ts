import { parseLocation } from "../../shared/domain/location.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import type { JobSource } from "../../shared/job-file/read-job-file.ts";
import { jsonOption, numberFrom, setOption } from "../../shared/terminal/command-parts.ts";
import { createStyle } from "../../shared/terminal/style.ts";
import type { ListedRun } from "./list-runs.ts";
import { runsText } from "./runs-text.ts";

interface RunsArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly last: string;
  readonly next: string;
  readonly json: boolean;
}

export const runsCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("job", { type: "string", demandOption: true, describe: "The job file" })
      .option("set", setOption)
      .option("last", {
        type: "string",
        requiresArg: true,
        default: "20",
        describe: "Number of past runs",
      })
      .option("next", {
        type: "string",
        requiresArg: true,
        default: "5",
        describe: "Number of next runs",
      })
      .option("json", jsonOption)
      .example("$0 runs job.yaml", "Outcomes of the last runs, and times of the next ones")
      .example(
        "$0 runs job.yaml --last 0 --next 20",
        "Shows a schedule, also over the next change of clocks",
      ),
  async run(args: RunsArguments) {
    const { readJobText } = await import("../../shared/job-file/read-job-file.ts");
    const { parseTriggered } = await import("./spec/parse-triggered.ts");
    const { nextFirings } = await import("./spec/firing.ts");
    const bounds = { least: 0, most: 10_000, whole: true };
    const [last, next] = [numberFrom(args.last, "last", bounds), numberFrom(args.next, "next", bounds)];
    const nowMs = Date.now();
    const options = { path: args.job, set: args.set, env: process.env };
    const source = parseTriggered(await readJobText(args.job), options, nowMs);
    const { trigger } = source;
    const facts = {
      runs: await foundRuns(source, last),
      next: trigger?.kind === "timed" ? nextFirings(trigger, nowMs, next) : [],
    };
    process.stdout.write(
      args.json ? `${JSON.stringify(facts)}\n` : runsText(facts, createStyle(process.stdout)),
    );
  },
});

async function foundRuns({ spec }: JobSource, last: number): Promise<readonly ListedRun[]> {
  const { listed, listRuns } = await import("./list-runs.ts");
  const { ledgerFolder, readLedger } = await import("./trigger/trigger-ledger.ts");
  const { readStores } = await import("../../coordinator/plan/read-stores.ts");
  const { JobStorages } = await import("../../shared/storage/job-storages.ts");
  await using storages = new JobStorages();
  const base = parseLocation(spec.output.path);
  const storage = await storages.of({ stores: await readStores(spec) }).at(base);
  const folder = await ledgerFolder(spec, storage);
  const { readOpenWindows, windowsFolder } = await import("./queue/spool.ts");
  const remembered = {
    ledger: await readLedger(folder),
    windows: await readOpenWindows(windowsFolder(folder)),
  };
  return listed(await listRuns(base, storage, last), remembered, last);
}
