import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { ceilingBench } from "./ceiling/ceiling.ts";
import { discoveryBench } from "./discovery/discovery.ts";
import { estimateBench } from "./estimate.ts";
import { flightBench } from "./flight/flight.ts";
import { loadBench } from "./load/load.ts";
import { peersBench } from "./peers/peers.ts";
import { reduceBench } from "./reduce/reduce.ts";
import { writeResultsTo } from "./report/report.ts";
import { killedBench } from "./rounds/killed.ts";
import { resumeBench } from "./rounds/resume.ts";
import { slowBench } from "./rounds/slow.ts";
import { tracingBench } from "./rounds/tracing.ts";
import { scaleBench } from "./scale/scale.ts";
import { smallFilesBench } from "./small-files/small-files.ts";
import { stagesBench } from "./stages/stages.ts";
import { betweenBucketsBench } from "./stores/between-buckets.ts";
import { storesBench } from "./stores/stores.ts";
import { windowBench } from "./window/window.ts";
import { workloadsCommand } from "./workloads-command.ts";

/** Parser of `npm run bench -- <name>`, which measures one thing. Without a name it lists all benches. */
const parser = yargs(hideBin(process.argv))
  .scriptName("npm run bench --")
  .usage("$0 <name> [options]\n\nEach prints a table, and one line of JSON with the machine and the date.")
  .option("out", {
    type: "string",
    describe: "The folder for the figures as JSON and their plot as SVG (bench/results)",
  })
  .middleware(({ out }) => {
    if (out !== undefined) writeResultsTo(out);
  })
  .command(ceilingBench)
  .command(discoveryBench)
  .command(estimateBench)
  .command(flightBench)
  .command(killedBench)
  .command(slowBench)
  .command(smallFilesBench)
  .command(stagesBench)
  .command(resumeBench)
  .command(loadBench)
  .command(peersBench)
  .command(reduceBench)
  .command(scaleBench)
  .command(storesBench)
  .command(tracingBench)
  .command(betweenBucketsBench)
  .command(windowBench)
  .command(workloadsCommand)
  .strict()
  // The help above the error of a failed bench would hide it.
  .showHelpOnFail(false)
  .version(false);
const { _: names } = await parser.parseAsync();
if (names.length === 0) parser.showHelp("log");
