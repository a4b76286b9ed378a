import { resolve } from "node:path";
import type { CommandModule } from "yargs";
import type { LogLevel } from "../shared/core/log.ts";
import type { Location } from "../shared/domain/location.ts";
import type { OutputManifest } from "../shared/domain/manifest.ts";
import { DEFAULT_FLIGHT_PORT, logLevelOption, secretFileOption } from "./options.ts";
import { listenForStopSignals, whenAborted } from "./stop-signals.ts";

interface FlightArguments {
  readonly output: string;
  readonly listen: string;
  readonly "secret-file": string | undefined;
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
        describe: "The folder that a job published to, or s3://BUCKET/PREFIX",
      })
      .option("listen", {
        type: "string",
        requiresArg: true,
        default: `127.0.0.1:${DEFAULT_FLIGHT_PORT}`,
        describe: "HOST:PORT to serve on (0.0.0.0: every interface; for private networks only)",
      })
      .option("secret-file", secretFileOption)
      .option("log-level", { ...logLevelOption, default: "warn" as const })
      .example("$0 flight ./out", "Serves rows, reduced/NAME and errors to who knows the secret")
      .example("$0 flight s3://bucket/out --listen 0.0.0.0:7434", "An output in a bucket, to a network"),
  handler: async (args) => {
    process.exitCode = await serve(args);
  },
};

async function serve(args: FlightArguments): Promise<number> {
  const { startFlightThread } = await import("../coordinator/grpc/flight-thread-client.ts");
  const { ensureCredential, secretPath } = await import("../shared/access/credential.ts");
  const output = await outputAt(args.output);
  const manifest = await manifestOf(output);
  using stops = listenForStopSignals();
  whenAborted(stops.atOnce, () => process.exit(130));
  const { secret } = await ensureCredential(secretPath(args["secret-file"]));
  const job = { jobId: null, output, isPublished: true, combined: [] };
  const owner = { jobs: async () => [job], combined: async () => [] };
  const logLevel = args["log-level"] ?? "warn";
  const flight = await startFlightThread({
    listen: args.listen,
    option: "--listen",
    secret,
    owner,
    logLevel,
  });
  process.stderr.write(`Arrow Flight on ${flight.address}: ${flightsText(manifest)}\n`);
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
    problems: [{ ...problem, where: "output", expected: "a folder on this machine, or s3://BUCKET/PREFIX" }],
  });
}

/** Looked for at once: who names another folder should not hear of it from a client. */
async function manifestOf(output: Location): Promise<OutputManifest> {
  const { Manifests } = await import("../coordinator/flight/manifests.ts");
  const { Storages } = await import("../shared/storage/open-storage.ts");
  await using storages = new Storages();
  return await new Manifests(storages).of(output);
}

function flightsText({ files }: OutputManifest): string {
  const names = files.map(({ kind, path }) =>
    kind === "reduced" ? path.slice(0, path.lastIndexOf(".")) : kind,
  );
  const counts = new Map<string, number>();
  for (const [at, name] of names.entries())
    counts.set(name, (counts.get(name) ?? 0) + (files[at]?.rows ?? 0));
  return [...counts].map(([name, rows]) => `${name} (${rows.toLocaleString("en")} rows)`).join(", ");
}
