import { ShardmillError } from "../shared/core/errors.ts";
import { editDistance, nearest } from "../shared/core/nearest.ts";
import { commandNames, helpOf, UsageFailure } from "./command-line.ts";

/** Rewrites an error of yargs about a command line, with the nearest valid name. Other errors stay. */
export async function usageError(error: unknown, args: readonly string[]): Promise<unknown> {
  // yargs throws some errors as its own class, and some as a plain Error.
  const isUsage =
    error instanceof UsageFailure ||
    (error instanceof Error && (error.name === "YError" || MISSING_VALUE.test(error.message)));
  if (!isUsage) return error;
  const said = error.message;
  const known = await commandNames();
  const command = args.find((arg) => !arg.startsWith("-"));
  if (command === undefined) {
    return invalid("no command is given", `one of ${known.join(", ")}; shardmill --help shows more`);
  }
  if (!known.includes(command)) {
    const near = nearest(command, known) ?? known.find((name) => editDistance(command, name) === 1);
    const hint = near === undefined ? `the commands are ${known.join(", ")}` : `did you mean \`${near}\`?`;
    return invalid(`unknown command \`${command}\``, hint);
  }
  return commandError(said, command, args);
}

const MISSING_VALUE = /^Not enough arguments following: (.+)$/;
const UNKNOWN = /^Unknown arguments?: (.+)$/;

async function commandError(said: string, command: string, args: readonly string[]): Promise<ShardmillError> {
  const help = await helpOf(command);
  const usage = help.split("\n", 1)[0] ?? "";
  const shows = `shardmill ${command} --help shows its options`;
  const [, unknown] = UNKNOWN.exec(said) ?? [];
  if (unknown !== undefined) return unknownArguments(unknown.split(", "), { command, args, help, usage });
  const [, withoutValue] = MISSING_VALUE.exec(said) ?? [];
  if (withoutValue !== undefined) return invalid(`--${withoutValue} needs a value`, shows);
  const wrong = wrongChoice(said);
  if (wrong !== null) {
    const { option, given, choices } = wrong;
    const words = [...choices.matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);
    const near = nearest(unquoted(given), words);
    const hint = near === undefined ? `one of ${words.join(", ")}` : `did you mean \`${near}\`?`;
    return invalid(`--${option} cannot be \`${unquoted(given)}\``, hint);
  }
  if (said.startsWith("Not enough non-option arguments")) {
    // A mistyped option is the likely cause: yargs does not look at options before the arguments are there.
    const known = knownOptions(help);
    const mistyped = args.flatMap((arg) => optionName(arg) ?? []).filter((name) => !known.includes(name));
    if (mistyped.length > 0) return unknownArguments(mistyped, { command, args, help, usage });
    const missing = /<([^<>]+)>/.exec(usage)?.[1]?.replace(/\.\.$/, "") ?? "argument";
    const [, meaning = ""] = new RegExp(`^ {2}${missing} {2,}(.+?)(?: {2}|$)`, "m").exec(help) ?? [];
    return invalid(`${command} needs <${missing}>: ${lowerFirst(meaning)}`, `usage: ${usage}`);
  }
  return invalid(lowerFirst(said), shows);
}

/** Names that other commands use for an option, by command. */
const INSTEAD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  page: { coordinator: "http", listen: "http" },
};

/** Parses yargs' line `Argument: device, Given: "x", Choices: "cpu", "cuda"`. */
function wrongChoice(
  said: string,
): { readonly option: string; readonly given: string; readonly choices: string } | null {
  const [name, given, choices] = ["Argument: ", ", Given: ", ", Choices: "];
  const line =
    said
      .split("\n")
      .find((text) => text.trimStart().startsWith(name))
      ?.trim() ?? "";
  const [at, end] = [line.indexOf(given), line.lastIndexOf(choices)];
  if (at < 0 || end < at) return null;
  return {
    option: line.slice(name.length, at),
    given: line.slice(at + given.length, end),
    choices: line.slice(end + choices.length),
  };
}

interface CommandFacts {
  readonly command: string;
  readonly args: readonly string[];
  readonly help: string;
  readonly usage: string;
}

/**
 * Returns the error for unknown words. yargs names an option twice, also in camel case. It does not separate
 * options from other words, so this looks at the typed words.
 */
function unknownArguments(
  names: readonly string[],
  { command, args, help, usage }: CommandFacts,
): ShardmillError {
  const known = knownOptions(help);
  const typed = (name: string) =>
    args.find((arg) => [`--${name}`, `--no-${name}`, `-${name}`].includes(arg.split("=", 1)[0] ?? ""));
  const options = names.flatMap((name) => typed(name)?.split("=", 1)[0] ?? []);
  const words = names.filter((name) => args.includes(name));
  const [option] = options;
  if (option !== undefined) {
    const name = option.replace(/^--?(no-)?/, "");
    const near = INSTEAD[command]?.[name] ?? nearest(name, known);
    const hint =
      near === undefined ? `shardmill ${command} --help shows its options` : `did you mean --${near}?`;
    return invalid(`unknown option ${options.join(", ")}`, hint);
  }
  if (words.length > 0) {
    return invalid(`too many arguments: ${words.map((word) => `\`${word}\``).join(", ")}`, `usage: ${usage}`);
  }
  return invalid(`unknown option ${names.join(", ")}`, `shardmill ${command} --help shows its options`);
}

/** Returns the names of the options that a help text lists, without dashes. */
function knownOptions(help: string): readonly string[] {
  return [...help.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(([, name = ""]) => name);
}

/** Returns the name of a typed long option, without `--` and `--no-`. Null: the word is not one. */
function optionName(word: string): string | null {
  return /^--(?:no-)?([a-z][a-z-]*)(?:=|$)/.exec(word)?.[1] ?? null;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function unquoted(text: string): string {
  return text.replace(/^"|"$/g, "");
}

function invalid(message: string, hint: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", message, { hint });
}
