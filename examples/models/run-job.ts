import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { fetchModel } from "./fetch-model.ts";
import type { ModelSource } from "./sources/model-source.ts";

/** Fetches the files of packages and links them at `path`. */
export async function linkFetched(source: ModelSource, path: string): Promise<void> {
  const folder = await fetchModel(source);
  await rm(path, { force: true });
  await symlink(folder, path);
}

/** Runs `shardmill run job.yaml` of a folder, as a user types it. Returns its exit code. */
export async function runJob(folder: string, options: readonly string[]): Promise<number> {
  const main = join(packageRoot, "dist/bundle/cli/main.js");
  const run = spawn(process.execPath, [main, "run", join(folder, "job.yaml"), ...options], {
    stdio: "inherit",
  });
  const [code] = await once(run, "exit");
  return code ?? 1;
}
