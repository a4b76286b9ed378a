import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { packageRoot } from "../../../shared/core/package-root.ts";

/** Block of a page: commands, commands for a terminal of their own, or a file to save. */
interface Block {
  readonly kind: "commands" | "terminal" | "file";
  readonly name: string;
  readonly text: string;
}

/** Returns the blocks of a tutorial that a reader types or saves, in order. */
export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^```(sh|sh terminal|python|yaml|ts)\n(.*?)^```$/gms)].flatMap(
    ([, how, text = ""]): readonly Block[] => {
      if (how === "sh" || how === "sh terminal")
        return [{ kind: how === "sh" ? "commands" : "terminal", name: "", text }];
      // A block without a name is shown only.
      const [, name] = /^(?:#|\/\/) (\S+\.(?:py|yaml|ts))$/m.exec(text) ?? [];
      return name === undefined ? [] : [{ kind: "file", name, text }];
    },
  );
}

/**
 * Does what a tutorial says, as its reader: in an empty folder, in a home of its own.
 *
 * @returns output of each block of commands
 * @throws when commands fail, with their output
 */
export async function runPage(path: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-tutorial-"));
  const terminals: ChildProcess[] = [];
  const outputs: string[] = [];
  try {
    const env = await readerEnv(folder);
    for (const { kind, name, text } of blocksOf(await readFile(join(packageRoot, path), "utf8"))) {
      if (kind === "file") await writeFile(join(folder, "work", name), text);
      else if (kind === "terminal") terminals.push(shell(text, { folder, env }, "ignore"));
      else outputs.push(await runCommands(text, { folder, env }));
    }
    return outputs;
  } finally {
    for (const terminal of terminals) await stop(terminal);
    await rm(folder, { recursive: true, force: true });
  }
}

interface Reader {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

async function readerEnv(folder: string): Promise<NodeJS.ProcessEnv> {
  for (const name of ["bin", "home", "work"]) await mkdir(join(folder, name));
  const main = join(packageRoot, "dist", "bundle", "cli", "main.js");
  const command = `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`;
  await writeFile(join(folder, "bin", "shardmill"), command, { mode: 0o755 });
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("SHARDMILL_"));
  return {
    ...Object.fromEntries(others),
    PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}`,
    HOME: join(folder, "home"),
    CLONE: packageRoot,
  };
}

function shell(text: string, { folder, env }: Reader, stdio: "ignore" | "pipe"): ChildProcess {
  return spawn("bash", ["-euc", text], { cwd: join(folder, "work"), env, stdio, detached: true });
}

async function runCommands(text: string, reader: Reader): Promise<string> {
  const child = shell(text, reader, "pipe");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`exit code ${code}:\n${text}\n${output}`);
  return output;
}

/** Presses Ctrl-C in a terminal. */
async function stop(terminal: ChildProcess): Promise<void> {
  if (terminal.exitCode !== null || terminal.signalCode !== null || terminal.pid === undefined) return;
  process.kill(-terminal.pid, "SIGINT");
  await once(terminal, "exit");
}
