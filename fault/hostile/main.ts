import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { numbersFrom } from "../number-options.ts";
import { HOSTILE_KINDS, type HostileKind, type Trial } from "./kinds.ts";
import { FILE_NAMES, makeFile } from "./make-file.ts";
import { TALLY_HEAD } from "./tally.ts";
import { tryKind } from "./try-kind.ts";

/**
 * `npm run hostile`: files and bytes that try to break their parsers. Each must end in a typed error, or be
 * accepted, in bounded time and memory. Exits with 1 when one did not, and prints the file and the command
 * that repeats it.
 */
const args = await yargs(hideBin(process.argv))
  .scriptName("npm run hostile --")
  .usage("$0 [--count N] [--seed S] [--kind K]\n\nTries seeded hostile files of every kind.")
  .option("count", { type: "number", default: 300, describe: "Attacks of each kind" })
  .option("seed", { type: "number", default: 1, describe: "Seed of the damage" })
  .option("from", { type: "number", default: 0, describe: "First attack; earlier ones are skipped" })
  .option("kind", { choices: HOSTILE_KINDS, array: true, requiresArg: true, describe: "Only these kinds" })
  .strict()
  .check(numbersFrom({ count: 1, seed: 0, from: 0 }))
  .parseAsync();

/** Ratio of trials: an attack of peers takes seconds, and others take milliseconds. */
const PEER_TRIALS_EACH = 10;
const KEPT = ".scratch/hostile";
let broken = 0;
console.log(`seed ${args.seed}, ${args.count} of each kind\n\n${TALLY_HEAD}`);
for (const kind of args.kind ?? HOSTILE_KINDS) {
  const { seed, from, count } = args;
  const tally = await tryKind({
    kind,
    seed,
    from,
    count: kind === "peers" ? Math.ceil(count / PEER_TRIALS_EACH) : count,
    onBroken: async (trial, outcome) => {
      broken += 1;
      console.log(`\nBROKEN: ${outcome.what}\n  ${outcome.broken}\n  ${await keep(trial)}`);
    },
  });
  console.log(tally.line(kind));
}
console.log(broken === 0 ? "\nall ended as required" : `\n${broken} did not end as required`);
process.exit(broken === 0 ? 0 : 1);

/**
 * Keeps the file of a trial, if it has one.
 *
 * @returns the path, and the command that repeats the trial
 */
async function keep(trial: Trial): Promise<string> {
  const { kind, seed, index } = trial;
  const again = `npm run hostile -- --kind ${kind} --seed ${seed} --from ${index} --count 1`;
  if (!isLone(kind)) return `try it again: ${again}`;
  const path = join(KEPT, `${seed}-${index}-${FILE_NAMES[kind]}`);
  await mkdir(KEPT, { recursive: true });
  await writeFile(path, makeFile({ kind, seed, index }).bytes);
  return `the file: ${path}\n  try it again: ${again}`;
}

function isLone(kind: HostileKind): kind is keyof typeof FILE_NAMES {
  return kind in FILE_NAMES;
}
