import { type Program, parseSync } from "oxc-parser";

/** One import of a module: static, dynamic or by re-export. */
export interface Import {
  /** As written: `./shard.ts`, `node:fs`, `@grpc/grpc-js`. */
  readonly specifier: string;
  /** The names taken, as the other module calls them; `default` and `*` as such. */
  readonly names: readonly string[];
  /** It vanishes when types are stripped. */
  readonly typeOnly: boolean;
  /** `export ... from`. */
  readonly reExport: boolean;
  /** `import(...)`: loaded where it is needed, if ever. */
  readonly isDynamic: boolean;
  readonly line: number;
}

/** One name that a module gives to others, re-exports left out. */
export interface Export {
  /** As others call it; `default` as such. */
  readonly name: string;
  /** An interface or a type: it vanishes when types are stripped. */
  readonly isType: boolean;
  readonly line: number;
}

/** A TypeScript file, parsed. */
export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  readonly program: Program;
  readonly comments: readonly { readonly text: string; readonly line: number }[];
}

/** Something against the rules of the house. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** `path:line: rule`, so that a failure names the place. */
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
    // What is found out when it runs is nobody's package.
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

/** Offsets at which the lines of each text begin, computed once: rules ask for every node. */
const lineStarts = new Map<string, readonly number[]>();

/** Line of a text at an offset, counted from 1. */
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

/** The list of extensions, which the engine imports by the name that package.json gives it. */
const LIST = { specifier: "#extensions", path: "extensions/list.ts" };

/** The project's file that an import loads: {@link targetOf}, or the list of extensions. */
export function loadedBy(from: string, specifier: string): string | null {
  return specifier === LIST.specifier ? LIST.path : targetOf(from, specifier);
}

/**
 * The path that a relative import means, from the project's root; null for a package. A script that imports
 * what is built means its source.
 */
export function targetOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const path = new URL(specifier, `file:///${from}`).pathname.slice(1);
  return path.replace(/^dist\/(.*)\.js$/, "$1.ts");
}
