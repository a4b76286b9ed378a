import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { exportModel, MODELS_FOLDER, preparePython } from "../models/check/check-model.ts";
import { FLIGHTS, flights } from "../models/check/natural-data.ts";
import { writeSample } from "../models/check/sample.ts";
import { runJob } from "../models/run-job.ts";

/**
 * Trains and exports the model, writes the flights, and runs the job: `node dist/examples/tabular/run.js`.
 * Options of `shardmill run` may follow.
 */

const here = join(packageRoot, "examples", "tabular");
const folder = join(MODELS_FOLDER, "flights-sklearn");
await exportModel({ python: preparePython(), folder, data: FLIGHTS, made: join(here, "model") });
await writeSample(join(here, "data"), await flights());
process.exitCode = await runJob(here, process.argv.slice(2));
