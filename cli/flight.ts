import { resolve } from "node:path";
import type { CommandModule } from "yargs";
import type { ServedJob } from "../coordinator/flight/flight.ts";
import type { LogLevel } from "../shared/core/log.ts";
import type { JobStores } from "../shared/domain/job-stores.ts";
import type { Location } from "../shared/domain/location.ts";
import type { OutputManifest } from "../shared/domain/manifest.ts";
import { DEFAULT_FLIGHT_PORT, jsonOption, logLevelOption, secretFileOption } from "./options.ts";
import { type ListeningArguments, listeningOf, listeningOptions, othersOf } from "./security-options.ts";
import { listenForStopSignals, whenAborted } from "./stop-signals.ts";

interface FlightArguments extends ListeningArguments {
  readonly output: string;
  readonly job: string | undefined;
  readonly listen: string;
  readonly "secret-file": string | undefined;
  readonly json: boolean;
  readonly "log-level": LogLevel | undefined;
}

/** How long streams that are open may go on once the command is told to stop. */
const GRACE_MS = 1_000;

export const flightCommand: CommandModule<object, FlightArguments> = {
  command: "flight <output>",
  describe: "Serve a published output by Arrow Flight, until stopped",
  builder: (yargs) =>
    yargs
      .positional("output", {
        type: "string",
        demandOption: true,
        describe:
          "The folder that a job published to, or its address in a bucket (s3://, gs://, az://, abfss://), reached by what the environment says",
      })
      .option("listen", {
        type: "string",
        requiresArg: true,
        default: `127.0.0.1:${DEFAULT_FLIGHT_PORT}`,
        describe: "HOST:PORT to serve on (0.0.0.0: every interface, which takes --tls-cert, or --insecure)",
      })
      .options(listeningOptions)
      .option("job", {
        type: "string",
        requiresArg: true,
        describe: "The job file: the output is reached by what its `stores` say, and by the environment",
      })
      .option("secret-file", secretFileOption)
      .option("json", {
        ...jsonOption,
        describe: "Print where it serves what on stdout, as one line of JSON, once it does",
      })
      .option("log-level", { ...logLevelOption, default: "warn" as const })
      .example("$0 flight ./out", "Serves rows, reduced/NAME and errors to who knows the secret")
      .example(
        "$0 flight s3://bucket/out --listen 0.0.0.0:7434 --tls-cert node1.crt --tls-key node1.key",
        "An output in a bucket, to a network",
      )
      .example("$0 flight s3://bucket/out --job job.yaml", "One that is reached as the job reached it"),
  handler: async (args) => {
    process.exitCode = await serve(args);
  },
};

async function serve(args: FlightArguments): Promise<number> {
  const { startFlightThread } = await import("../coordinator/grpc/flight-thread-client.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const listening = listeningOf(args);
  const output = await outputAt(args.output);
  const stores = await storesOf(args.job);
  const manifest = await manifestOf({ output, stores });
  using stops = listenForStopSignals();
  whenAborted(stops.atOnce, () => process.exit(130));
  const { secret } = await ensureCredential(secretPath(args["secret-file"]));
  const job = { jobId: null, output, stores, isPublished: true, combined: [] };
  const owner = { jobs: async () => [job], combined: async () => [] };
  const logLevel = args["log-level"] ?? "warn";
  const flight = await startFlightThread({
    listen: args.listen,
    option: "--listen",
    guard: { secret, ...(await othersOf(args)), takesJobs: false, takesCode: false },
    listening,
    owner,
    logLevel,
  });
  await tellServing(flight.address, manifest, args.json);
  const stopped = new Promise<void>((done) => whenAborted(stops.asked, done));
  await Promise.race([stopped, flight.ended]);
  await flight.close(GRACE_MS);
  return 130;
}

/** @throws {ARGUMENT_INVALID} for what is neither a path nor an address that is read */
async function outputAt(text: string): Promise<Location> {
  const { ShardmillError } = await import("../shared/core/errors.ts");
  const { isAddress, notAnInput, parseLocation } = await import("../shared/domain/location.ts");
  const problem = notAnInput(text);
  if (problem === null) return parseLocation(isAddress(text) ? text : resolve(text));
  throw new ShardmillError("ARGUMENT_INVALID", `${text} is no output`, {
    problems: [
      { ...problem, where: "output", expected: "a folder on this machine, or an address in a bucket" },
    ],
  });
}

/** @throws {SPEC_INVALID} for a job file that cannot be used */
async function storesOf(job: string | undefined): Promise<JobStores> {
  const { NO_STORES } = await import("../shared/domain/job-stores.ts");
  if (job === undefined) return NO_STORES;
  const { readJobFile } = await import("../shared/job-file/read-job-file.ts");
  const { readStores } = await import("../coordinator/plan/read-stores.ts");
  return await readStores(await readJobFile(job, { set: [], env: process.env }));
}

/** Looked for at once: who names another folder should not hear of it from a client. */
async function manifestOf(job: Pick<ServedJob, "output" | "stores">): Promise<OutputManifest> {
  const { Manifests } = await import("../coordinator/flight/manifests.ts");
  const { JobStorages } = await import("../shared/storage/job-storages.ts");
  await using storages = new JobStorages();
  return await new Manifests(storages).of(job);
}

async function tellServing(address: string, { files }: OutputManifest, json: boolean): Promise<void> {
  const { flightName } = await import("../coordinator/flight/flights.ts");
  const { formatCount } = await import("../shared/core/units.ts");
  const rows = new Map<string, number>();
  for (const file of files) {
    const name = flightName(file);
    rows.set(name, (rows.get(name) ?? 0) + file.rows);
  }
  const flights = [...rows].map(([path, count]) => ({ path, rows: count }));
  if (json) process.stdout.write(`${JSON.stringify({ address, flights })}\n`);
  const text = flights.map(({ path, rows }) => `${path} (${formatCount(rows)} rows)`).join(", ");
  process.stderr.write(`Arrow Flight on ${address}: ${text}\n`);
}
