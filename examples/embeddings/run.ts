import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { linkFetched, runJob } from "../models/run-job.ts";
import { minilm } from "../models/sources/minilm.ts";
import { writeParagraphs } from "./write-paragraphs.ts";

/**
 * Fetches the model, writes the data, and runs the job: `node dist/examples/embeddings/run.js`. Options of
 * `shardmill run` may follow.
 */

const here = join(packageRoot, "examples", "embeddings");
await linkFetched(minilm, join(here, "model"));
const data = join(here, "data");
if (!existsSync(data)) {
  await mkdir(data);
  await writeParagraphs(data);
}
process.exitCode = await runJob(here, process.argv.slice(2));
