import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { killedBench } from "./killed.ts";
import { loadBench } from "./load.ts";
import { resumeBench } from "./resume.ts";
import { slowBench } from "./slow.ts";

/** `npm run bench -- <name>`: measures one thing on this machine. Without a name it lists what there is. */
const parser = yargs(hideBin(process.argv))
  .scriptName("npm run bench --")
  .usage("$0 <name> [options]\n\nEach prints a table, and one line of JSON with the machine and the date.")
  .command(killedBench)
  .command(slowBench)
  .command(resumeBench)
  .command(loadBench)
  .strict()
  .version(false);
const { _: names } = await parser.parseAsync();
if (names.length === 0) parser.showHelp("log");
