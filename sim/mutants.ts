import { spawn } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mapConcurrent } from "../shared/core/map-concurrent.ts";
import { packageRoot } from "../shared/core/package-root.ts";
import { isLaw, type Law } from "../shared/domain/laws.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";
import { LongRun } from "./long-run.ts";
import type { Mutant } from "./mutant.ts";

/** The compiled tree that contains this file. */
const BUILT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDERS = ["shared", "coordinator", "worker", "extensions", "sim"];
/** Folder for copies, below the package so that dependencies resolve. */
const SCRATCH = join(packageRoot, ".scratch", `mutants-${process.pid}`);

interface Verdict {
  readonly mutant: Mutant;
  readonly caught: { readonly seed: number; readonly law: Law; readonly message: string } | null;
  /** Reason why the bug could not be tried. */
  readonly problem: string | null;
}

const USAGE = `npm run sim:mutants -- [options]

Plants known bugs, one at a time, and shows that the simulator finds each, and that over the same seeds it
finds nothing in the code without them. All of it takes some fifteen minutes on two cores: most bugs are found
within a few hundred seeds, a few need thousands.

  --seeds N     how many seeds to try for each bug (20000)
  --from S      the first seed (1)
  --jobs N      how many bugs to try concurrently (2)
  --only NAME   plant only this bug; may be repeated`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
    only: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});
const args = {
  ...values,
  seeds: Number(values.seeds),
  from: Number(values.from),
  jobs: Number(values.jobs),
};

process.exitCode = await main();

async function main(): Promise<number> {
  if (args.help) {
    console.log(USAGE);
    return 0;
  }
  const chosen = ALL_MUTANTS.filter(({ name }) => args.only.length === 0 || args.only.includes(name));
  try {
    const fault = await findWithoutBug(chosen);
    if (fault !== null) {
      console.log(`without a planted bug, the same seeds must break no law: ${fault}`);
      return 1;
    }
    const verdicts = await tryAll(chosen);
    const alive = verdicts.filter(({ caught }) => caught === null);
    console.log(`\n${verdicts.length - alive.length} of ${verdicts.length} planted bugs were found`);
    for (const { mutant } of alive)
      console.log(`not found: npm run sim:mutants -- --only ${mutant.name} --seeds ${args.seeds}`);
    return alive.length === 0 && verdicts.length > 0 ? 0 : 1;
  } finally {
    await rm(SCRATCH, { recursive: true, force: true });
  }
}

/**
 * Runs the unchanged code over the same seeds, and returns a violation or a problem. Null: none. A broken
 * simulator finds violations in any code, so only then does a violation mean a found bug.
 */
async function findWithoutBug(mutants: readonly Mutant[]): Promise<string | null> {
  using run = new LongRun();
  const worlds = new Map(mutants.map(({ storage, tasks }) => [`${storage} ${tasks}`, { storage, tasks }]));
  for (const { storage, tasks } of worlds.values()) {
    run.at(null, "the code without a planted bug");
    const sound: Mutant = {
      name: "none",
      says: "nothing",
      breaks: [],
      edits: [],
      ...(storage && { storage }),
      ...(tasks && { tasks }),
    };
    const { caught, problem } = await tryMutant(sound);
    if (caught !== null) return `seed ${caught.seed} breaks ${caught.law}: ${caught.message}`;
    if (problem !== null) return problem;
  }
  return null;
}

async function tryAll(mutants: readonly Mutant[]): Promise<Verdict[]> {
  using run = new LongRun();
  let tried = 0;
  return await mapConcurrent(mutants, args.jobs, async (mutant) => {
    run.at(tried / mutants.length, `${mutant.name}, ${tried} of ${mutants.length} bugs are done`);
    const verdict = await tryMutant(mutant);
    tried += 1;
    run.print(lineOf(verdict));
    return verdict;
  });
}

function lineOf({ mutant, caught, problem }: Verdict): string {
  const name = mutant.name.padEnd(32);
  if (problem !== null) return `${name} CANNOT BE PLANTED  ${problem}`;
  if (caught === null) return `${name} LIVES              ${mutant.says}`;
  const unexpected = mutant.breaks.includes(caught.law) ? "" : " (its `breaks` does not say so)";
  return `${name} ${caught.law.padEnd(24)} seed ${String(caught.seed).padEnd(6)} ${caught.message}${unexpected}`;
}

async function tryMutant(mutant: Mutant): Promise<Verdict> {
  const copy = join(SCRATCH, mutant.name);
  const tree = join(copy, "dist");
  try {
    await mkdir(tree, { recursive: true });
    // A package of its own: otherwise the list of extensions would be the list of the code without the bug.
    for (const name of ["package.json", "proto"])
      await cp(join(packageRoot, name), join(copy, name), { recursive: true });
    for (const folder of FOLDERS) await cp(join(BUILT, folder), join(tree, folder), { recursive: true });
    const problem = await plant(mutant, tree);
    if (problem !== null) return { mutant, caught: null, problem };
    return { mutant, ...(await hunt(tree, mutant)) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Applies the edits. Returns the reason why one cannot be applied, or null. */
async function plant({ edits }: Mutant, tree: string): Promise<string | null> {
  for (const { file, find, replace } of edits) {
    const path = join(tree, file);
    const text = await readFile(path, "utf8");
    const times = text.split(find).length - 1;
    if (times !== 1) return `its text is in ${file} ${times} times: ${find.trim().slice(0, 60)}`;
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
  return null;
}

async function hunt(tree: string, { storage, tasks }: Mutant): Promise<Pick<Verdict, "caught" | "problem">> {
  const worlds = [
    ...(storage === undefined ? [] : ["--storage", storage]),
    ...(tasks === undefined ? [] : ["--tasks", "yes"]),
  ];
  const options = [
    "--seeds",
    String(args.seeds),
    "--from",
    String(args.from),
    "--processes",
    "1",
    ...worlds,
    "--json",
  ];
  const { code, lines } = await run([join(tree, "sim", "main.js"), ...options]);
  if (code === 0) return { caught: null, problem: null };
  const found = parse(lines.at(-1) ?? "");
  return found === null
    ? { caught: null, problem: `the simulator did not run: ${lines.at(-1)}` }
    : { caught: found, problem: null };
}

function parse(line: string): Verdict["caught"] {
  try {
    const { seed, law, message } = JSON.parse(line) as Record<string, unknown>;
    if (typeof seed !== "number" || !isLaw(law)) return null;
    return { seed, law, message: String(message).replaceAll("\n", " ").slice(0, 110) };
  } catch {
    return null;
  }
}

function run(argv: readonly string[]): Promise<{ code: number | null; lines: string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    const keep = (chunk: Buffer) => {
      text = (text + chunk.toString("utf8")).slice(-100_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", () => {});
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, lines: text.trimEnd().split("\n") }));
  });
}
