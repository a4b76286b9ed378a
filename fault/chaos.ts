import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { LongRun } from "../sim/long-run.ts";
import { FAULT_KINDS } from "./chaos-faults.ts";
import { chaosRound, noFaults } from "./chaos-round.ts";
import { numbersFrom } from "./number-options.ts";
import { openOwnTempFolder } from "./own-temp-folder.ts";

/**
 * `npm run chaos`: jobs of real processes under seeded faults, one after another, until the time is up. Exits
 * 1 when a promise was broken, with the command that runs that round again: the schedule of faults is the
 * seed's, what the processes make of it is the machine's.
 */
const LEAST = { minutes: 0, rounds: 1, seed: 0, workers: 4, "fault-seconds": 0, jobs: 1, shards: 1 };
const args = await yargs(hideBin(process.argv))
  .scriptName("npm run chaos --")
  .usage(
    "$0 [--minutes M] [--seed S] [--rounds N]\n\nKills, stops and cuts off real workers and coordinators. " +
      "A round takes half a minute to a minute and a half.",
  )
  .option("minutes", { type: "number", default: 2, describe: "Begin no round after so many minutes" })
  .option("rounds", { type: "number", describe: "So many rounds, whatever the time" })
  .option("seed", { type: "number", default: 1, describe: "Seed of the first round; the next has the next" })
  .option("workers", { type: "number", default: 4, describe: "Worker commands of a round, 4 to 8" })
  .option("fault-seconds", {
    type: "number",
    default: 20,
    describe: "Faults of every kind for so long in each round; then only the coordinator is killed",
  })
  .option("jobs", {
    type: "number",
    default: 1,
    describe: "Jobs on the coordinator, with the shards shared out",
  })
  .option("shards", {
    type: "number",
    default: 120,
    describe: "Shards of a round's job: the more, the longer",
  })
  .strict()
  .requiresArg(Object.keys(LEAST))
  .check(numbersFrom(LEAST, ["minutes", "fault-seconds"]))
  .check(({ workers, jobs, shards }) => {
    if (workers > 8) throw new Error("--workers must be 8 at the most");
    if (jobs > shards) throw new Error("--jobs must be no more than --shards: each job has one at least");
    return true;
  })
  .parseAsync();

await using _folder = await openOwnTempFolder();
const total = noFaults();
let missed = 0;
using run = new LongRun();
const minutes = () => run.seconds / 60;
let rounds = 0;
while (args.rounds === undefined ? minutes() < args.minutes : rounds < args.rounds) {
  const seed = args.seed + rounds;
  run.at(
    args.rounds === undefined ? minutes() / args.minutes : rounds / args.rounds,
    `the round of seed ${seed}`,
  );
  rounds += 1;
  run.print(`round of seed ${seed}: ${args.workers} workers, ${args.jobs} jobs, ${args.shards} shards`);
  const { workers, shards, jobs, "fault-seconds": faultSeconds } = args;
  const note = (text: string) => run.print(text);
  const result = await chaosRound({ seed, workers, shards, jobs, faultSeconds, note });
  for (const kind of FAULT_KINDS) total[kind] += result.fired[kind];
  missed += result.missed;
  if (result.problems.length > 0) {
    run[Symbol.dispose]();
    console.log(`\nBROKEN in the round of seed ${seed}:`);
    for (const problem of result.problems) console.log(`  ${problem}`);
    const size = `--workers ${workers} --jobs ${jobs} --shards ${shards} --fault-seconds ${faultSeconds}`;
    console.log(`run it again: npm run chaos -- --rounds 1 --seed ${seed} ${size}`);
    process.exitCode = 1;
    break;
  }
  run.print(`  the right rows after ${result.seconds.toFixed(1)} s`);
}
run[Symbol.dispose]();
const verdict = process.exitCode === 1 ? "the last one BROKEN" : "all right";
console.log(`\n${rounds} rounds in ${minutes().toFixed(1)} minutes from seed ${args.seed}, ${verdict}`);
for (const kind of FAULT_KINDS)
  console.log(`  ${kind.padEnd(18)} ${total[kind]}${total[kind] === 0 ? "  (NEVER FIRED)" : ""}`);
console.log(`  (${missed} faults found nothing to hit)`);
