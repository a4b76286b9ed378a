import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { watchMemory } from "../../../shared/core/memory-watch.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";

/** TypeScript installation that applies to a user's file. */
export interface InstalledCompiler {
  readonly version: string;
  /** Path of `tsc`. */
  readonly script: string;
}

/** Finds the TypeScript that a file in `folder` would import. Null: there is none. */
export function findCompiler(folder: string): InstalledCompiler | null {
  const require = createRequire(join(folder, "noop.js"));
  try {
    const manifestPath = require.resolve("typescript/package.json");
    const { version, bin } = require(manifestPath) as { version: string; bin: { tsc: string } };
    return { version, script: join(dirname(manifestPath), bin.tsc) };
  } catch {
    return null;
  }
}

/**
 * Returns compiler settings for files of a folder. The user's own settings apply, except those that emit
 * files, include other files, or report more than types. Imports resolve as in the bundler. `shardmill` and
 * Arrow are the versions that the code runs with.
 */
export function compilerConfig(folder: string, files: readonly string[]): object {
  const own = above(folder, "tsconfig.json")[0];
  const typeRoots = above(folder, join("node_modules", "@types"));
  const arrow = dirname(createRequire(import.meta.url).resolve("apache-arrow"));
  const usual = { strict: true, noImplicitAny: false };
  return {
    ...(own === undefined ? {} : { extends: own }),
    compilerOptions: {
      ...(own === undefined ? usual : {}),
      target: "es2022",
      module: "esnext",
      moduleResolution: "bundler",
      allowImportingTsExtensions: true,
      resolveJsonModule: true,
      noEmit: true,
      composite: false,
      incremental: false,
      skipLibCheck: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      rootDir: "/",
      typeRoots,
      types: typeRoots.some((root) => existsSync(join(root, "node"))) ? ["node"] : [],
      paths: {
        shardmill: [join(packageRoot, "dist", "extensions", "code", "api.d.ts")],
        "apache-arrow": [join(arrow, "Arrow.node.d.ts")],
      },
    },
    files,
    include: [],
  };
}

/**
 * Returns existing paths of this name in a folder and its parents, the nearest first. Skips empty folders.
 */
function above(folder: string, name: string): readonly string[] {
  const path = join(folder, name);
  const parent = dirname(folder);
  const further = parent === folder ? [] : above(parent, name);
  return existsSync(path) && !isEmpty(path) ? [path, ...further] : further;
}

function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}

/** Limits of the compiler process, because the size of the user's project is unknown. */
export interface CompilerLimits {
  readonly ms: number;
  readonly bytes: number;
}

/** Output of the compiler, or why it has none. */
type CompilerRun =
  | { readonly kind: "ended"; readonly output: string }
  | { readonly kind: "broken"; readonly why: string };

/** Limit of kept output. Further errors would not be shown anyway. */
const MOST_OUTPUT_CHARS = 1_000_000;

/**
 * Runs a compiler in `folder`, in a process that is killed at its limits.
 *
 * @throws the signal's reason
 */
export function runCompiler(
  { script }: InstalledCompiler,
  options: { readonly config: string; readonly folder: string; readonly limits: CompilerLimits },
  signal: AbortSignal,
): Promise<CompilerRun> {
  const { config, folder, limits } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, "-p", config, "--pretty", "false"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "ignore"],
      // A separate process group: from version 7 on, the compiler is a child of this process.
      detached: true,
    });
    let output = "";
    let why: string | null = null;
    const end = (how: string) => {
      why ??= how;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // The process has exited.
      }
    };
    const timer = setTimeout(() => end(`it took longer than ${limits.ms / 1000} s`), limits.ms);
    const watch = watchMemory(child.pid ?? 0, {
      limitBytes: limits.bytes,
      onOver: () => end("it took too much memory"),
    });
    const onAbort = () => end("cancelled");
    signal.addEventListener("abort", onAbort, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(0, MOST_OUTPUT_CHARS);
    });
    child.once("error", (error) => end(error.message));
    child.once("close", (code) => {
      clearTimeout(timer);
      watch[Symbol.dispose]();
      signal.removeEventListener("abort", onAbort);
      if (signal.aborted) reject(signal.reason);
      else if (why === null && code !== null) resolve({ kind: "ended", output });
      else resolve({ kind: "broken", why: why ?? "its process was killed" });
    });
  });
}
