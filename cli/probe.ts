import { access, constants, lstat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Argv, CommandModule } from "yargs";
import { EXTENSIONS } from "#extensions";
import { NEVER } from "../shared/core/abort.ts";
import { ERROR_CODES } from "../shared/core/error-codes.ts";
import { messageOf, ShardmillError } from "../shared/core/errors.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import type { CheckedMachine } from "../shared/extension/probe.ts";
import { fileOccupied, jsonOption } from "../shared/terminal/command-parts.ts";

interface ProbeArguments {
  readonly output: string | undefined;
  readonly force: boolean;
  readonly json: boolean;
}

/** Checks of extensions, in the order of the list. */
const PARTS = EXTENSIONS.flatMap(({ probe }) => probe ?? []);

export const probeCommand: CommandModule<object, ProbeArguments> = {
  command: "probe",
  describe: "Show which devices of this machine really run a model, and which libraries it has",
  builder: async (yargs) => {
    const own = yargs.example("$0 probe", "Runs a small model on each device, in a process of its own");
    for (const { load } of PARTS) (await load()).options(own as Argv);
    return own
      .option("output", {
        alias: "o",
        type: "string",
        requiresArg: true,
        defaultDescription: "none",
        describe: "Also write the JSON result to this file",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace an existing output" })
      .option("json", jsonOption);
  },
  handler: (args) => probe(args),
};

async function probe(args: ProbeArguments): Promise<void> {
  const { probeDevices } = await import("../shared/onnx/probe.ts");
  const { findLibraries } = await import("../shared/extension/libraries.ts");
  const { probeText } = await import("./render/probe-text.ts");
  const { printText } = await import("../shared/terminal/print-text.ts");
  const { output } = args;
  const requested = await Promise.all(
    PARTS.map(async ({ key, load }) => ({ key, run: (await load()).ask(args) })),
  );
  if (output !== undefined) await checkWritable(output, args);
  const devices = await probeDevices({ signal: NEVER });
  const libraries = await findLibraries();
  const { checkSharedSession } = await import("../shared/onnx/shared-session/check-shared-session.ts");
  const reason = await checkSharedSession();
  const sessions = { shared: reason === null, reason };
  if (!args.json) printText(process.stdout, (style) => probeText({ devices, libraries, sessions }, style));
  const results: Record<string, object> = { devices, libraries, sessions };
  const jsonOf = () => `${JSON.stringify(results)}\n`;
  let replaces = args.force;
  const write = async () => {
    if (output !== undefined) await writeFile(output, jsonOf(), { flag: replaces ? "w" : "wx" });
    replaces = true;
  };
  const found: CheckedMachine[] = [];
  for (const { key, run } of requested) {
    if (run === null || found.some(({ interrupted }) => interrupted)) continue;
    const keep = async (json: object) => {
      results[key] = json;
      await write();
    };
    const checked = await run({ devices, main: compiledUrl("cli/main.ts"), keep });
    found.push(checked);
    results[key] = checked.json;
  }
  await write();
  if (args.json) process.stdout.write(jsonOf());
  else for (const { text } of found) printText(process.stdout, (style) => `\n${text(style)}`);
  if (found.some(({ hasFailed }) => hasFailed)) process.exitCode = 1;
  if (found.some(({ interrupted }) => interrupted)) process.exitCode = ERROR_CODES.INTERRUPTED.exit;
}

/** Checks the output before checks of minutes. */
async function checkWritable(path: string, { force }: Pick<ProbeArguments, "force">): Promise<void> {
  if (!force && (await lstat(path).catch(() => null)) !== null) throw fileOccupied(path);
  await access(dirname(resolve(path)), constants.W_OK).catch((cause: unknown) => {
    throw new ShardmillError("OUTPUT_FAILED", `the result cannot be written: ${messageOf(cause)}`, {
      fields: { path },
      hint: "name a file in an existing folder that this user may write",
      cause,
    });
  });
}
