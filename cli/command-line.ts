import yargs, { type Argv, type CommandModule } from "yargs";
import { EXTENSIONS } from "#extensions";
import { NEVER } from "../shared/core/abort.ts";
import { buildVersion } from "../shared/core/package-root.ts";
import { anyFormat } from "../shared/domain/formats.ts";
import type { CommandHost, CommandPart } from "../shared/extension/command.ts";
import { cancelCommand } from "./cancel.ts";
import { coordinatorCommand } from "./coordinator.ts";
import { planCommand } from "./plan.ts";
import { probeCommand } from "./probe.ts";
import { runCommand } from "./run.ts";
import { schemaCommand } from "./schema.ts";
import { pauseCommand, priorityCommand, resumeCommand } from "./standing.ts";
import { runStanding, type StandingArguments, standingOptions } from "./standing-coordinator.ts";
import { statusCommand } from "./status.ts";
import { submitCommand } from "./submit.ts";
import { tokenCommand } from "./token.ts";
import { versionCommand } from "./version.ts";
import { watchCommand } from "./watch.ts";
import { workerCommand } from "./worker.ts";
import { workersCommand } from "./workers.ts";

/** Widest help: longer lines are hard to read. */
const MAX_COLUMNS = 110;

/** Commands of the engine, one file each, in the order of the help. */
const COMMANDS = [
  runCommand,
  coordinatorCommand,
  workerCommand,
  submitCommand,
  statusCommand,
  watchCommand,
  pauseCommand,
  resumeCommand,
  priorityCommand,
  cancelCommand,
  workersCommand,
  planCommand,
  probeCommand,
  tokenCommand,
  schemaCommand,
  versionCommand,
] as readonly CommandModule[];

/** Makes the command line: commands of the engine and of extensions. */
export function commandLine(args: readonly string[], columns = MAX_COLUMNS): Argv {
  const options = optionsOf(args);
  const line = yargs([...options, ...args.slice(options.length + 1).map(shield)]);
  return line
    .scriptName("shardmill")
    .locale("en")
    .usage(
      `$0 <command>\n\nMap-reduce batch inference: an ONNX model over a ${anyFormat()} dataset, published once.`,
    )
    .command(COMMANDS.flatMap((command) => [command, ...addedAfter(command)]))
    .demandCommand(1)
    .strict()
    .check((given) => refuseRepeated(given) && refuseNegated(options, switchesOf(line)))
    .middleware(unshield)
    .version(buildVersion)
    .wrap(Math.min(MAX_COLUMNS, columns))
    .example("$0 plan job.yaml", "Checks a job and shows what would be done")
    .example("$0 run job.yaml", "Runs it on this machine")
    .epilogue(
      "Exit codes:\n" +
        "  0    the output is published\n" +
        "  1    the job failed\n" +
        "  2    the job file or the arguments are wrong\n" +
        "  3    the output is published with dead letters\n" +
        "  130  stopped by a signal: the same command resumes\n\n" +
        "`--` ends the options: a job or a path after it may begin with a dash.",
    )
    .fail((message, error) => {
      throw error ?? new UsageFailure(message.replaceAll(SHIELD, "").replaceAll("\\u0000", ""));
    });
}

/** Commands of extensions that follow a command of the engine. Their code is loaded on use. */
function addedAfter({ command }: CommandModule): readonly CommandModule[] {
  const [name] = String(command).split(" ");
  return EXTENSIONS.flatMap(({ command = [] }) => command)
    .filter(({ follows }) => follows === name)
    .map(commandModule);
}

function commandModule({ usage, says, load }: CommandPart): CommandModule {
  return {
    command: usage,
    describe: says,
    builder: async (yargs) => (await load()).options(yargs, HOST),
    handler: async (args) => (await load()).run(args, HOST),
  };
}

const HOST: CommandHost = {
  async plan(args) {
    const { startPlanningAhead } = await import("../coordinator/plan/start-ahead.ts");
    startPlanningAhead();
    const { readRunJob } = await import("./read-run-job.ts");
    const { planWatched } = await import("./plan-watched.ts");
    return planWatched(await readRunJob(args), null, NEVER);
  },
  async manifest(args) {
    const { openNamedOutput } = await import("../coordinator/plan/named-output.ts");
    return (await openNamedOutput(args, NOT_PUBLISHED)).manifest;
  },
  standing: {
    options: standingOptions,
    // The parser returns the options that are described.
    run: (args, work) => runStanding(args as StandingArguments, work),
  },
};

const NOT_PUBLISHED = {
  code: "ARGUMENT_INVALID",
  hint: "name the output.path of a published job, or for a job with runs one of its folders run=...",
} as const;

/** Mark before a word that is not an option. No argument of a process can contain it. */
const SHIELD = "\0";

/** Marks a word after `--` that looks like an option. The `--` is dropped: yargs ignores words after it. */
function shield(arg: string): string {
  return arg.startsWith("-") && Number.isNaN(Number(arg)) ? `${SHIELD}${arg}` : arg;
}

/** Returns the arguments before `--`. */
function optionsOf(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

function unshield(given: Record<string, unknown>): void {
  const bare = (value: unknown) =>
    typeof value === "string" && value.startsWith(SHIELD) ? value.slice(SHIELD.length) : value;
  for (const [name, value] of Object.entries(given))
    given[name] = Array.isArray(value) ? value.map(bare) : bare(value);
}

/** Options with several values. yargs also makes a list of any other option that is typed twice. */
const LISTS: ReadonlySet<string> = new Set([
  ...["_", "set", "jobs", "input", "allow-locations", "allowLocations"],
  // A list for a coordinator, a switch for other commands.
  ...["allow-modules", "allowModules"],
]);

function refuseRepeated(given: Readonly<Record<string, unknown>>): true {
  for (const [name, value] of Object.entries(given)) {
    if (!Array.isArray(value) || (LISTS.has(name) && !value.includes(true))) continue;
    const option = `${name.length === 1 ? "-" : "--"}${name}`;
    throw new UsageFailure(`${option} is given ${value.length} times, but takes one value`);
  }
  return true;
}

/** Refuses `--no-` before an option that is not a switch. yargs accepts `--no-` before any option. */
function refuseNegated(args: readonly string[], switches: readonly string[]): true {
  for (const arg of args) {
    const [, name] = /^--no-(.+)$/.exec(arg) ?? [];
    if (name !== undefined && !switches.includes(name))
      throw new UsageFailure(`Unknown argument: no-${name}`);
  }
  return true;
}

/** Returns the switches of the current command. yargs has them, but its types do not. */
function switchesOf(line: Argv): readonly string[] {
  return (line as unknown as { getOptions(): { readonly boolean: readonly string[] } }).getOptions().boolean;
}

/** Error of yargs about a wrong command line. */
export class UsageFailure extends Error {}

/** Returns the help of a command, or of all commands. The options of a command are parsed from it, too. */
export function helpOf(command: string | undefined, columns = MAX_COLUMNS): Promise<string> {
  return commandLine(command === undefined ? [] : [command], columns).getHelp();
}

/** Returns the names of all commands, in the order of the help. */
export async function commandNames(): Promise<string[]> {
  const help = await helpOf(undefined);
  const start = help.indexOf("\nCommands:\n");
  const commands = help.slice(start, help.indexOf("\n\n", start + 1));
  return [...commands.matchAll(/^ {2}shardmill ([a-z]+)/gm)].map(([, name = ""]) => name);
}
