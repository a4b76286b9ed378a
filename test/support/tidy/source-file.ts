import { type Program, parseSync } from "oxc-parser";

/** One import of a module: static, dynamic or by re-export. */
export interface Import {
  /** Specifier as written: `./shard.ts`, `node:fs`, `@grpc/grpc-js`. */
  readonly specifier: string;
  /** Imported names, as the other module exports them, or `default` and `*`. */
  readonly names: readonly string[];
  /** The import vanishes when types are stripped. */
  readonly typeOnly: boolean;
  /** The import is an `export ... from`. */
  readonly reExport: boolean;
  /** The import is an `import(...)`, loaded when needed, if ever. */
  readonly isDynamic: boolean;
  readonly line: number;
}

/** One name that a module exports, besides re-exports. */
export interface Export {
  /** Exported name, or `default`. */
  readonly name: string;
  /** An interface or a type, which vanishes when types are stripped. */
  readonly isType: boolean;
  readonly line: number;
}

/** A parsed TypeScript file. */
export interface SourceFile {
  /** Path from the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  readonly program: Program;
  readonly comments: readonly { readonly text: string; readonly line: number }[];
}

/** A break of the project's rules. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** Formats findings as `path:line: rule`, so that a failure names the place. */
export function listed(findings: readonly Finding[]): string[] {
  return findings.map(({ path, line, rule }) => `${path}:${line}: ${rule}`);
}

export function parseSource(path: string, text: string): SourceFile {
  const { module, program, errors, comments } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`);
  const imports: Import[] = [];
  const exports: Export[] = [];
  for (const { moduleRequest, entries, start } of module.staticImports) {
    imports.push({
      specifier: moduleRequest.value,
      names: entries.map(
        ({ importName }) => importName.name ?? (importName.kind === "Default" ? "default" : "*"),
      ),
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
      reExport: false,
      isDynamic: false,
      line: lineAt(text, start),
    });
  }
  for (const { entries, start } of module.staticExports) {
    for (const { moduleRequest, importName, exportName, isType } of entries) {
      const line = lineAt(text, exportName.start ?? start);
      if (moduleRequest === null) {
        exports.push({ name: exportName.name ?? "default", isType, line });
        continue;
      }
      const names = [importName.name ?? "*"];
      const kind = { typeOnly: isType, reExport: true, isDynamic: false };
      imports.push({ specifier: moduleRequest.value, names, ...kind, line });
    }
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const literal = text.slice(moduleRequest.start, moduleRequest.end);
    // A specifier computed at run time names no known package.
    if (!/^["'`]/.test(literal)) continue;
    const specifier = literal.slice(1, -1);
    const kind = { typeOnly: false, reExport: false, isDynamic: true };
    imports.push({ specifier, names: ["*"], ...kind, line: lineAt(text, start) });
  }
  return {
    path,
    text,
    imports,
    exports,
    program,
    comments: comments.map(({ value, start }) => ({ text: value, line: lineAt(text, start) })),
  };
}

/** Offsets at which the lines of each text begin. Cached, because rules need them for every node. */
const lineStarts = new Map<string, readonly number[]>();

/** Returns the line of a text at an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  const starts = lineStarts.get(text) ?? [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  lineStarts.set(text, starts);
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** The list of extensions, which the engine imports by its name in package.json. */
const LIST = { specifier: "#extensions", path: "extensions/list.ts" };

/** Returns the project's file that an import loads: {@link targetOf}, or the list of extensions. */
export function loadedBy(from: string, specifier: string): string | null {
  return specifier === LIST.specifier ? LIST.path : targetOf(from, specifier);
}

/**
 * Returns the path of a relative import from the project's root, or null for a package. A script's import of
 * a built file refers to its source.
 */
export function targetOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const path = new URL(specifier, `file:///${from}`).pathname.slice(1);
  return path.replace(/^dist\/(.*)\.js$/, "$1.ts");
}
