import { openNamedOutput } from "../../coordinator/plan/named-output.ts";
import { deferred } from "../../shared/core/abort.ts";
import type { LogLevel } from "../../shared/core/log-levels.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import {
  jsonOption,
  logFormatOption,
  logLevelOption,
  secretFileOption,
} from "../../shared/terminal/command-parts.ts";
import {
  type ListeningArguments,
  listeningOf,
  listeningOptions,
  othersOf,
} from "../../shared/terminal/listening-options.ts";
import { jobOfOutputOption, namedOutputOption } from "../../shared/terminal/output-options.ts";
import { listenForStopSignals, whenAborted } from "../../shared/terminal/stop-signals.ts";

interface FlightArguments extends ListeningArguments {
  readonly output: string;
  readonly job: string | undefined;
  readonly listen: string;
  readonly "secret-file": string | undefined;
  readonly json: boolean;
  readonly "log-level": LogLevel | undefined;
}

/** Default port. */
const DEFAULT_PORT = 7434;

/** Time that open streams get after the command is asked to stop. */
const GRACE_MS = 1_000;

export const flightCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("output", namedOutputOption)
      .option("listen", {
        type: "string",
        requiresArg: true,
        default: `127.0.0.1:${DEFAULT_PORT}`,
        describe: "HOST:PORT to serve on (0.0.0.0: every interface, needs --tls-cert or --insecure)",
      })
      .options(listeningOptions)
      .option("job", jobOfOutputOption)
      .option("secret-file", secretFileOption)
      .option("json", {
        ...jsonOption,
        describe: "Print address and flights on stdout as one line of JSON, once serving",
      })
      .option("log-level", { ...logLevelOption, default: "warn" as const })
      .option("log-format", logFormatOption)
      .example("$0 flight ./out", "Serves rows, reduced/NAME and errors to clients with the secret")
      .example(
        "$0 flight s3://bucket/out --listen 0.0.0.0:7434 --tls-cert node1.crt --tls-key node1.key",
        "An output in a bucket, to a network",
      )
      .example("$0 flight s3://bucket/out --job job.yaml", "With the stores of the job file"),
  async run(args: FlightArguments) {
    process.exitCode = await serve(args);
  },
});

async function serve(args: FlightArguments): Promise<number> {
  const { NOT_PUBLISHED } = await import("./manifests.ts");
  const { startPortThread } = await import("../../coordinator/grpc/port-thread-client.ts");
  const { ensureCredential, secretPath } = await import("../../shared/access/credential.ts");
  const listening = listeningOf(args);
  const { output, stores, manifest } = await openNamedOutput(args, NOT_PUBLISHED);
  using stops = listenForStopSignals();
  whenAborted(() => process.exit(130), stops.atOnce);
  const { secret } = await ensureCredential(secretPath(args["secret-file"]));
  const job = { jobId: null, output, stores, isPublished: true, combined: [] };
  const results = { jobs: async () => [job], combined: async () => [] };
  const logLevel = args["log-level"] ?? "warn";
  const lost = deferred<never>();
  lost.promise.catch(() => {});
  const flight = await startPortThread({
    port: "flight",
    listen: args.listen,
    option: "--listen",
    guard: { secret, ...(await othersOf(args)), takesJobs: false },
    listening,
    results,
    logLevel,
    onLost: lost.reject,
  });
  await printServing(flight.address, manifest, args.json);
  const stopped = new Promise<void>((done) => whenAborted(done, stops.requested));
  await Promise.race([stopped, lost.promise]);
  await flight.close(GRACE_MS);
  return 130;
}

async function printServing(address: string, { files }: OutputManifest, json: boolean): Promise<void> {
  const { flightName, isText } = await import("./flights.ts");
  const { formatCount } = await import("../../shared/core/units.ts");
  const rows = new Map<string, number>();
  for (const file of files.filter((each) => !isText(each))) {
    const name = flightName(file);
    rows.set(name, (rows.get(name) ?? 0) + file.rows);
  }
  const flights = [...rows].map(([path, count]) => ({ path, rows: count }));
  if (json) process.stdout.write(`${JSON.stringify({ address, flights })}\n`);
  const shown = flights.map(({ path, rows }) => `${path} (${formatCount(rows)} rows)`).join(", ");
  const text = files.some(isText) ? " (the rows are text, which is not served)" : "";
  process.stderr.write(`Arrow Flight on ${address}: ${shown || "nothing"}${text}\n`);
}
