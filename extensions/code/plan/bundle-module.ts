import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Message, PluginBuild } from "esbuild";
import { messageOf, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import { stepInvalid } from "../../../shared/steps/step-invalid.ts";
import { HOST_MODULES } from "../run/bundle-form.ts";
import { SOURCE_ROOT } from "../run/user-error.ts";

/** Size limit of a bundle, which is cached and sent to every worker. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Limit of reported problems in a file that does not compile. */
const MAX_PROBLEMS = 20;

/** Modules of the host thread. A bundled copy of them would not recognize the host's objects. */
const SHARED = /^(shardmill|apache-arrow)$/;
/** Packages that only load native code. */
const NATIVE_FINDERS = /^(bindings|node-gyp-build(-optional-packages)?|@mapbox\/node-pre-gyp|node-pre-gyp)$/;
/** Expressions for the source's own location, which is lost in a bundle. */
const FILE_BESIDE = /\bimport\.meta\.(?:url|dirname|filename)\b|\b__(?:dirname|filename)\b/;
const SOURCE = /\.[cm]?[jt]sx?$/;
const COMMENT = /^\s*(?:\*|\/\*).*|\/\/.*$/s;
const NO_LOADER = /^No loader is configured for "([^"]+)" files: (.*)$/;

/** Import for bundled CommonJS, which loads Node's own modules by `require`. */
const REQUIRE =
  'import { createRequire as shardmillRequire } from "node:module"; const require = shardmillRequire(import.meta.url);';

/**
 * Bundles a user's own file, with all imports, to one JavaScript file. The bytes depend on the files' content
 * only, not on their folder.
 *
 * @param path absolute
 * @param where name of the step in errors
 * @throws {STEP_INVALID} with file, line and column of everything that does not compile
 */
export async function bundleModule(path: string, where: string): Promise<Uint8Array> {
  // Lazy, because esbuild starts a process.
  const { build } = await import("esbuild");
  const folder = dirname(path);
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      absWorkingDir: folder,
      outfile: join(folder, "step.mjs"),
      write: false,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20.19",
      banner: { js: REQUIRE },
      sourcemap: "inline",
      sourceRoot: SOURCE_ROOT,
      logLevel: "silent",
      plugins: [{ name: "shardmill", setup: (on) => addRules(on, folder) }],
    });
    const bytes = outputFiles[0]?.contents ?? new Uint8Array();
    if (bytes.length > MAX_BYTES) throw stepInvalid(where, [{ where, ...tooLarge(bytes.length) }]);
    return bytes;
  } catch (error) {
    if (error instanceof ShardmillError) throw error;
    throw stepInvalid(where, problemsOf(error, where), error);
  }
}

function addRules({ onResolve, onLoad }: PluginBuild, folder: string): void {
  onResolve({ filter: SHARED }, ({ path }) => ({ path, namespace: "shardmill" }));
  onLoad({ filter: /.*/, namespace: "shardmill" }, ({ path }) => ({
    contents: `module.exports = globalThis[${JSON.stringify(HOST_MODULES)}][${JSON.stringify(path)}];`,
    loader: "js",
  }));
  onResolve({ filter: NATIVE_FINDERS }, ({ path }) => ({ errors: [{ text: nativeCode(path) }] }));
  onLoad({ filter: SOURCE }, async ({ path }) => {
    // Libraries often contain these expressions and work without the location.
    if (path.includes("node_modules")) return undefined;
    const lines = (await readFile(path, "utf8")).split("\n");
    const at = lines.findIndex((text) => FILE_BESIDE.test(text.replace(COMMENT, "")));
    if (at < 0) return undefined;
    const lineText = lines[at] ?? "";
    const found = FILE_BESIDE.exec(lineText);
    const location = { file: relative(folder, path), line: at + 1, column: found?.index ?? 0, lineText };
    const text = `${found?.[0]} refers to a place on this machine, which workers may not have`;
    return { errors: [{ text, location }] };
  });
}

function problemsOf(error: unknown, where: string): readonly Problem[] {
  const messages = messagesOf(error);
  if (messages.length === 0) return [{ where, what: messageOf(error) }];
  const problems = new Map<string, Problem>();
  for (const message of messages) {
    const problem = problemOf(message, where);
    problems.set(`${problem.where} ${problem.what}`, problem);
  }
  return [...problems.values()].slice(0, MAX_PROBLEMS);
}

function problemOf({ text, location }: Message, where: string): Problem {
  const place = location === null ? where : `${location.file}:${location.line}:${location.column + 1}`;
  const excerpt = location === null ? "" : `\n  ${location.lineText.trim()}`;
  const [, extension, file] = NO_LOADER.exec(text) ?? [];
  if (extension === ".node" || text.endsWith(NATIVE)) {
    const what = extension === ".node" ? nativeCode(packageOf(file ?? "")) : text;
    return {
      where: place,
      what: `${what}${excerpt}`,
      hint: "use a package of plain JavaScript or WebAssembly",
    };
  }
  if (extension !== undefined) {
    const what = `imports ${file}, and ${extension} files are not bundled${excerpt}`;
    return {
      where: place,
      what,
      expected: "JavaScript, TypeScript, JSON or text (.txt)",
      hint: SIDECAR_HINT,
    };
  }
  const isOutside = text.startsWith("import.meta") || text.startsWith("__");
  const what = `${text.charAt(0).toLowerCase()}${text.slice(1)}${excerpt}`;
  return { where: place, what, ...(isOutside ? { hint: SIDECAR_HINT } : {}) };
}

const NATIVE = "is native code, which is not bundled";
const SIDECAR_HINT =
  "import small files (JSON, .txt), and let `open` read large ones from a place that every worker can reach";

function nativeCode(name: string): string {
  return `${name} ${NATIVE}`;
}

const PACKAGES = "node_modules/";

/** Returns the package of a file below it, such as `onnxruntime-node`. */
function packageOf(file: string): string {
  const at = file.lastIndexOf(PACKAGES);
  if (at < 0) return file;
  return /^(?:@[^/]+\/)?[^/]+/.exec(file.slice(at + PACKAGES.length))?.[0] ?? file;
}

function messagesOf(error: unknown): readonly Message[] {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors) ? error.errors : [];
}

function tooLarge(bytes: number): Omit<Problem, "where"> {
  return {
    what: "the bundle is too large",
    expected: `at most ${formatBytes(MAX_BYTES)}`,
    found: formatBytes(bytes),
    hint: "let `open` read large files from a place that every worker can reach",
  };
}
