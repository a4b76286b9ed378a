import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { fetchModel } from "../models/fetch-model.ts";
import { writeParagraphs } from "./write-paragraphs.ts";

/**
 * Fetches the model, writes the data, and runs the job: `node dist/examples/embeddings/run.js`, options of
 * `shardmill run` behind.
 */

const here = join(packageRoot, "examples", "embeddings");
const model = join(here, "model");
await rm(model, { force: true });
await symlink(await fetchModel("minilm"), model);
const data = join(here, "data");
if (!existsSync(data)) {
  await mkdir(data);
  await writeParagraphs(data);
}
const main = join(packageRoot, "dist/bundle/cli/main.js");
const run = spawn(process.execPath, [main, "run", join(here, "job.yaml"), ...process.argv.slice(2)], {
  stdio: "inherit",
});
const [code] = await once(run, "exit");
process.exitCode = code ?? 1;
