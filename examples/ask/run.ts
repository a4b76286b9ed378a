import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { writeParagraphs } from "../embeddings/write-paragraphs.ts";
import { runJob } from "../models/run-job.ts";

/**
 * Writes the data, and runs the job: `node dist/examples/ask/run.js`. `LLM_URL`, `LLM_KEY` and `LLM_MODEL`
 * name the server. Options of `shardmill run` may follow.
 */

const here = join(packageRoot, "examples", "ask");
const data = join(here, "data");
if (!existsSync(data)) {
  await mkdir(data);
  await writeParagraphs(data);
}
process.exitCode = await runJob(here, process.argv.slice(2));
