import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { readJobText } from "../../shared/job-file/read-job-file.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { nextFirings } from "./spec/firing.ts";
import { parseTriggered } from "./spec/parse-triggered.ts";

/**
 * Returns the job files to serve: named files, and files with a trigger in named folders.
 *
 * @throws {ARGUMENT_INVALID} when a folder has no job file with a trigger
 */
export async function servedFiles(named: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(named.map(filesAt));
  return [...new Set(found.flat())];
}

async function filesAt(path: string): Promise<readonly string[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  // Reading the job file later reports its problems.
  if (!isFolder) return [path];
  const names = (await readdir(path)).filter((name) => /\.ya?ml$/.test(name)).sort();
  const paths = names.map((name) => join(path, name));
  const texts = await Promise.all(paths.map((file) => readFile(file, "utf8").catch(() => "")));
  const served = paths.filter((_file, index) => /^["']?trigger["']?\s*:/m.test(texts[index] ?? ""));
  if (served.length > 0) return served;
  throw new ShardmillError("ARGUMENT_INVALID", `no job file with a trigger in ${path}`, {
    fields: { path },
    hint: "name a .yaml or .yml file with the key `trigger`: see docs/schedules.md and docs/queues.md",
  });
}

/**
 * Reads job files as `serve` would, and prints when each is due next.
 *
 * @throws {SPEC_INVALID} with the problems of all files, after valid ones are printed
 */
export async function checkServed(paths: readonly string[]): Promise<void> {
  const nowMs = Date.now();
  const rows: string[][] = [];
  const faults: unknown[] = [];
  for (const path of paths) {
    try {
      const { spec, trigger } = parseTriggered(
        await readJobText(path),
        { path, set: [], env: process.env },
        nowMs,
      );
      const timed = trigger?.kind === "timed" ? nextFirings(trigger, nowMs, 1)[0]?.time : undefined;
      if (trigger === null) faults.push(new ShardmillError("SPEC_INVALID", `${path} has no trigger`));
      else {
        const others = {
          files: "when there are new files",
          queue: "when there are messages",
          timed: "never",
        };
        rows.push([path, spec.name, timed ?? others[trigger.kind]]);
      }
    } catch (error) {
      faults.push(error);
    }
  }
  if (rows.length > 0) process.stdout.write(`${renderTable({ columns: ["file", "job", "next"], rows })}\n`);
  if (faults.length === 0) return;
  const problems = faults.flatMap((error) => {
    const known = error instanceof ShardmillError ? error.problems : [];
    return known.length > 0 ? known : [{ where: "job file", what: messageOf(error) }];
  });
  throw new ShardmillError("SPEC_INVALID", `${faults.length} of ${paths.length} job files are invalid`, {
    problems,
  });
}
