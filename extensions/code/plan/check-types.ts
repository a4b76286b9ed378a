import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Problem } from "../../../shared/core/errors.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { isAddress } from "../../../shared/domain/location.ts";
import type { TypeCheck } from "../../../shared/domain/type-check.ts";
import type { NamedProgram } from "../../../shared/extension/program.ts";
import { stepInvalid } from "../../../shared/steps/step-invalid.ts";
import {
  type CompilerLimits,
  compilerConfig,
  findCompiler,
  type InstalledCompiler,
  runCompiler,
} from "./tsc.ts";

const TYPED = /\.[cm]?tsx?$/;
/** Matches `steps.ts(12,5): error TS2322: Type ...`. Indented lines continue the error. */
const ERROR = /^(.+)\((\d+),(\d+)\): error (TS(\d+)): (.*)$/s;
/**
 * Errors about types that are not installed here: of a module, or of Node. Code that uses them is not
 * checked. The bundler reports modules that are missing.
 */
const UNKNOWN_TYPES = new Set([2307, 2580, 2591, 2688, 2792, 7016]);
/** Codes of syntax errors are below this. The bundler reports syntax errors. */
const SYNTAX_END = 2000;

const LIMITS: CompilerLimits = { ms: 60_000, bytes: 2 ** 31 };
const MAX_PROBLEMS = 20;

/**
 * Checks the types of a user's own files with the TypeScript installed next to them, in a separate process.
 * The check is optional. Without TypeScript, or when the compiler fails, the files count as unchecked.
 *
 * @throws {STEP_INVALID} with file, line and column of all compiler errors
 */
export async function checkTypes(
  named: readonly NamedProgram[],
  { limits = LIMITS, signal }: { readonly limits?: typeof LIMITS; readonly signal: AbortSignal },
): Promise<readonly TypeCheck[]> {
  const files = [...new Map(named.map((file) => [file.path, file])).values()];
  const checks: TypeCheck[] = [];
  const problems: Problem[] = [];
  const byCompiler = new Map<string, { compiler: InstalledCompiler; files: NamedProgram[] }>();
  for (const file of files.filter(({ path }) => TYPED.test(path))) {
    if (isAddress(file.path)) {
      checks.push({ path: file.path, kind: "unchecked", why: "it is not on this machine" });
      continue;
    }
    const compiler = findCompiler(dirname(file.path));
    if (compiler === null) {
      checks.push({ path: file.path, kind: "unchecked", why: "typescript is not installed next to it" });
      continue;
    }
    const group = byCompiler.get(compiler.script) ?? { compiler, files: [] };
    group.files.push(file);
    byCompiler.set(compiler.script, group);
  }
  for (const { compiler, files: group } of byCompiler.values()) {
    const found = await checkGroup(compiler, group, limits, signal);
    problems.push(...found.problems);
    checks.push(...found.checks);
  }
  const [first] = files;
  if (problems.length > 0) throw stepInvalid(first?.where ?? "map", problems.slice(0, MAX_PROBLEMS));
  return checks;
}

async function checkGroup(
  compiler: InstalledCompiler,
  files: readonly NamedProgram[],
  limits: CompilerLimits,
  signal: AbortSignal,
): Promise<{ readonly checks: readonly TypeCheck[]; readonly problems: readonly Problem[] }> {
  const paths = files.map(({ path }) => path);
  const folder = dirname(paths[0] ?? "");
  const run = await withTempFolder("types", async (scratch) => {
    const config = join(scratch, "tsconfig.json");
    await writeFile(config, JSON.stringify(compilerConfig(folder, paths)));
    return await runCompiler(compiler, { config, folder, limits }, signal);
  });
  const unchecked = (why: string) => ({
    checks: paths.map((path) => ({ path, kind: "unchecked" as const, why })),
    problems: [],
  });
  if (run.kind === "broken") return unchecked(`typescript ${compiler.version}: ${run.why}`);
  const { errors, others } = readErrors(run.output);
  if (others.length > 0) return unchecked(`typescript ${compiler.version}: ${others[0]}`);
  if (errors.some(({ code }) => code < SYNTAX_END)) return unchecked("it does not compile");
  const own = errors.filter(({ file, code }) => !file.includes("node_modules/") && !UNKNOWN_TYPES.has(code));
  return {
    checks: paths.map((path) => ({ path, kind: "checked", typescript: compiler.version })),
    problems: await Promise.all(own.map((error) => problemOf(error, folder))),
  };
}

interface CompilerError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: number;
  readonly message: string;
}

/** Parses the compiler's output to errors with a place, and other errors, which concern its settings. */
function readErrors(output: string): {
  readonly errors: readonly CompilerError[];
  readonly others: readonly string[];
} {
  const errors: CompilerError[] = [];
  const others: string[] = [];
  for (const text of output.split(/\r?\n/)) {
    const [, file, line, column, name, code, what] = ERROR.exec(text) ?? [];
    const last = errors.at(-1);
    if (file !== undefined) {
      const message = `${what} (${name})`;
      errors.push({ file, line: Number(line), column: Number(column), code: Number(code), message });
    } else if (text.startsWith(" ") && last !== undefined) {
      errors[errors.length - 1] = { ...last, message: `${last.message}\n${text}` };
    } else if (text.startsWith("error ")) others.push(text.slice("error ".length));
  }
  // The config file is generated here, so users cannot fix errors in it.
  const ofConfig = errors.filter(({ file }) => file.endsWith("tsconfig.json"));
  return {
    errors: errors.filter((error) => !ofConfig.includes(error)),
    others: [...others, ...ofConfig.map(({ message }) => message)],
  };
}

async function problemOf({ file, line, column, message }: CompilerError, folder: string): Promise<Problem> {
  const path = resolve(folder, file);
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
  const excerpt = lines[line - 1]?.trim() ?? "";
  const what = `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
  return { where: `${relative(folder, path)}:${line}:${column}`, what: `${what}\n  ${excerpt}` };
}
