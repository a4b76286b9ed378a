// Chooses the CI stages that take turns, and records the green ones. The record is .ci/stages.json: a
// submission is one green run of .ci/run whose record was committed. The record began at 5, with a turn for
// each stage in the following submissions. A date of null: the stage has no recorded run.
// - order: prints a line for each stage, the oldest last green run first. A stage "due NAME" should run now,
//   and "next NAME" runs while there is time.
// - record [NAME ...]: counts a submission, and dates the stages that were green in it.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./step.mjs";

/** Submissions after which a stage must have been green again. */
export const MOST_SUBMISSIONS = 5;

const RECORD = join(root, ".ci", "stages.json");

/**
 * Orders the stages of a record, the oldest last green run first.
 *
 * @param record `{submissions, stages: {NAME: {submission, date, commit}}}`
 */
export function orderStages({ submissions, stages }) {
  return Object.entries(stages)
    .map(([name, { submission }]) => ({ name, age: submissions - submission }))
    .sort((one, other) => other.age - one.age || (one.name < other.name ? -1 : 1))
    .map(({ name, age }) => ({ name, isDue: age + 1 >= MOST_SUBMISSIONS }));
}

/** Returns the record after one more submission. */
export function recordGreen(record, green, { date, commit }) {
  const unknown = green.filter((name) => record.stages[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown stages: ${unknown.join(", ")}`);
  const submission = record.submissions + 1;
  const entries = Object.entries(record.stages).map(([name, last]) => [
    name,
    green.includes(name) ? { submission, date, commit } : last,
  ]);
  return { submissions: submission, stages: Object.fromEntries(entries) };
}

function main([command, ...names]) {
  const record = JSON.parse(readFileSync(RECORD, "utf8"));
  if (command === "order") {
    for (const { name, isDue } of orderStages(record)) console.log(`${isDue ? "due" : "next"} ${name}`);
  } else if (command === "record") {
    const commit = spawnSync("git", ["rev-parse", "--short=12", "HEAD"], { cwd: root, encoding: "utf8" });
    const now = { date: new Date().toISOString().slice(0, 10), commit: commit.stdout.trim() };
    writeFileSync(RECORD, `${JSON.stringify(recordGreen(record, names, now), null, 2)}\n`);
  } else {
    console.error("usage: node scripts/ci-stages.mjs order | record [NAME ...]");
    process.exit(2);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
