import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Table, Utf8, vectorFromArray } from "apache-arrow";
import { packageRoot } from "../../shared/core/package-root.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { linkFetched, runJob } from "../models/run-job.ts";
import { openNsfw } from "../models/sources/open-nsfw.ts";
import { pictures } from "../models/sources/pictures.ts";

/**
 * Fetches the model and the pictures, lists them, and runs the job: `node dist/examples/images/run.js`.
 * Options of `shardmill run` may follow.
 */

const here = join(packageRoot, "examples", "images");
await linkFetched(openNsfw, join(here, "model"));
await linkFetched(pictures, join(here, "pictures"));
const names = (await readdir(join(here, "pictures"))).sort();
await mkdir(join(here, "data"), { recursive: true });
const list = new Table({ path: vectorFromArray(names, new Utf8()) });
await writeFile(join(here, "data", "pictures.parquet"), encodeParquet(list));
process.exitCode = await runJob(here, process.argv.slice(2));
