import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { LongRun } from "../../sim/long-run.ts";
import { numbersFrom } from "../number-options.ts";
import { openOwnTempFolder } from "../own-temp-folder.ts";
import { caseText } from "./case-text.ts";
import { DuckdbHand } from "./duckdb-hand.ts";
import type { Hand } from "./hand.ts";
import { largeCase } from "./large-case.ts";
import { makeCase } from "./make-case.ts";
import { PythonHand } from "./python-hand.ts";
import { shrinkCase } from "./shrink-case.ts";
import { HANDS, type HandName, type TortureCase } from "./torture-case.ts";
import { type CaseEnd, tryCase } from "./try-case.ts";

/**
 * `npm run torture`: runs whole jobs over generated data, and reads each back with another program. Cases
 * vary types, encodings, nesting, names, sizes and output formats. Exits with 1 when a job was wrong, and
 * prints the smallest wrong case and the command that repeats it.
 */
const args = await yargs(hideBin(process.argv))
  .scriptName("npm run torture --")
  .usage(
    "$0 [--minutes M] [--seed S]\n\nRuns generated jobs; DuckDB or pyarrow writes their input and judges their output. " +
      "A case takes two to four seconds.",
  )
  .option("minutes", { type: "number", default: 2, describe: "Start cases for this many minutes" })
  .option("cases", { type: "number", describe: "Number of cases, instead of the minutes" })
  .option("seed", { type: "number", default: 1, describe: "Seed of the cases" })
  .option("from", { type: "number", default: 0, describe: "First case; earlier ones are skipped" })
  .option("hand", { choices: HANDS, describe: "Only this writer. Default: by turns" })
  .option("python", { type: "string", describe: "A Python that has pyarrow. Default: only DuckDB writes" })
  .option("keep", { type: "string", describe: "Keep the files of the last case in this folder" })
  .option("large", {
    type: "boolean",
    describe: "One case of over 2 GiB of text in a shard: takes 8 GB of memory",
  })
  .option("stop", { type: "boolean", default: true, describe: "Stop at the first wrong case" })
  .option("shrink", { type: "boolean", default: true, describe: "Search for the smallest wrong case" })
  .example("$0 --minutes 60 --python PYTHON", "an hour, with both writers")
  .strict()
  .check(numbersFrom({ minutes: 0, cases: 1, seed: 0, from: 0 }, ["minutes"]))
  .check(({ python, hand, large }) => {
    if (large === true && hand !== "pyarrow") throw new Error("--large needs --hand pyarrow");
    if (hand === "pyarrow" && python === undefined) throw new Error("--hand pyarrow needs --python");
    return true;
  })
  .parseAsync();

const { python, seed, keep } = args;
await using _folder = await openOwnTempFolder();
await using duckdb = await DuckdbHand.open();
await using pyarrow = python === undefined ? null : new PythonHand(python);
const hands: Record<HandName, Hand | null> = { duckdb, pyarrow };
const names = args.hand === undefined ? HANDS.filter((name) => hands[name] !== null) : [args.hand];

using run = new LongRun();
const minutes = () => run.seconds / 60;
const ends = { right: 0, refused: 0, skipped: 0, wrong: 0, rows: 0 };
let index = args.from;
const more = () => (args.cases === undefined ? minutes() < args.minutes : index < args.from + args.cases);
console.log(`seed ${seed}, judged by ${names.join(" and ")}`);
for (; more(); index += 1) {
  const name = names[index % names.length] ?? "duckdb";
  const made = makeCase({ seed, index, hand: name });
  const torture = args.large === true ? largeCase(made) : made;
  const hand = hands[name] ?? duckdb;
  const share = args.cases === undefined ? minutes() / args.minutes : (index - args.from) / args.cases;
  run.at(share, `case ${index}, ${name}`);
  const end = await tryCase(torture, hand, keep).catch(
    (error: unknown): CaseEnd => ({ kind: "wrong", problems: [String(error)] }),
  );
  ends[end.kind] += 1;
  if (end.kind === "right") ends.rows += end.rows;
  if (end.kind === "wrong") {
    await report(torture, end, hand);
    if (args.stop) break;
  }
}
run[Symbol.dispose]();
const { right, refused, skipped, wrong, rows } = ends;
console.log(
  `\n${right + refused + skipped + wrong} cases in ${minutes().toFixed(1)} minutes: ${right} right (${rows} rows), ` +
    `${refused} refused in time, ${skipped} that could not be made, ${wrong} WRONG`,
);
if (wrong > 0) process.exitCode = 1;

async function report(torture: TortureCase, end: CaseEnd, hand: Hand): Promise<void> {
  run.print(`\nWRONG: case ${torture.index}`);
  print(torture, end);
  const needs = [
    ...(python === undefined ? [] : ["--python", python]),
    ...(args.large === true ? ["--large"] : []),
  ];
  const same = `--seed ${seed} --from ${torture.index} --cases 1 --hand ${torture.hand}`;
  run.print(`  again: npm run torture -- ${[same, ...needs].join(" ")}`);
  if (!args.shrink) return;
  const small = await shrinkCase(torture, hand);
  if (small.end === null) return;
  run.print("  the smallest case that is also wrong:");
  print(small.smallest, small.end);
}

function print(torture: TortureCase, end: CaseEnd): void {
  run.print(caseText(torture).replaceAll(/^/gm, "  "));
  if (end.kind === "wrong") for (const problem of end.problems.slice(0, 8)) run.print(`  -> ${problem}`);
}
