import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { NEVER, sleep } from "../shared/core/abort.ts";
import { messageOf } from "../shared/core/errors.ts";
import { LongRun } from "../sim/long-run.ts";
import { SeededRandom } from "../sim/seeded-random.ts";
import { hasRabbitMq, startRabbitMq } from "../test/support/queues/rabbitmq-broker.ts";
import { numbersFrom } from "./number-options.ts";
import { openOwnTempFolder } from "./own-temp-folder.ts";
import { QueueSoak, SOAK_FAULTS } from "./queue-soak.ts";

/**
 * `npm run soak`: serves a queue of a real RabbitMQ for an hour while everything is killed in turn. Then it
 * counts both ends. Exits with 1 when a message was lost, published twice, or left in the queue.
 */
const args = await yargs(hideBin(process.argv))
  .scriptName("npm run soak --")
  .usage("$0 [--minutes M] [--seed S]\n\nSends rows to a served queue, and kills each process in turn.")
  .option("minutes", { type: "number", default: 60, describe: "Minutes to send rows and kill processes" })
  .option("seed", { type: "number", default: 1, describe: "Seed of the messages and the pauses" })
  .option("gap", { type: "number", default: 15, describe: "About the seconds between two faults" })
  .strict()
  .requiresArg(["minutes", "seed", "gap"])
  .check(numbersFrom({ minutes: 0, seed: 0, gap: 1 }, ["minutes", "gap"]))
  .parseAsync();
if (!hasRabbitMq) {
  console.error("there is no RabbitMQ on this machine: apt-get install rabbitmq-server");
  process.exit(2);
}

await using _folder = await openOwnTempFolder();
const own = await mkdtemp(join(tmpdir(), "own-"));
process.env.SHARDMILL_SECRET_FILE = join(own, "secret");
process.env.SHARDMILL_STATE = join(own, "state");
process.env.SHARDMILL_CACHE = join(own, "cache");
await using broker = await startRabbitMq();
await using soak = await QueueSoak.start(broker, new SeededRandom(args.seed));
using run = new LongRun();
const random = new SeededRandom(args.seed + 1);
const sending = soak.send();
let turn = 0;
while (run.seconds < args.minutes * 60) {
  run.at(run.seconds / (args.minutes * 60), `${soak.sent} messages, ${soak.keys} keys`);
  await sleep(args.gap * 500 + random.int(0, args.gap * 1_000), NEVER);
  const fault = SOAK_FAULTS[turn % SOAK_FAULTS.length] ?? "serveKilled";
  turn += 1;
  const what = await soak.fault(fault).catch((error: unknown) => `(nothing) ${messageOf(error)}`);
  run.print(`${run.seconds.toFixed(0).padStart(5)} s  ${fault}: ${what}`);
}
await soak.endSending(sending);
run.at(1, `waits for ${soak.keys} keys`);
const problems = await soak.count();
run[Symbol.dispose]();
console.log(`\n${soak.told()}\n${problems.length === 0 ? "all right" : "BROKEN"}`);
for (const problem of problems) console.log(`  ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
