import { type Function as FunctionNode, type Node, Visitor } from "oxc-parser";
import { type Finding, lineAt, type SourceFile } from "./source-file.ts";

/** Limit of a file's lines: a longer one has more than one idea. */
const MAX_FILE_LINES = 300;
/**
 * Limit of a function's lines: one screen. For sources only, because a test's `describe` is a function, too.
 */
const MAX_FUNCTION_LINES = 60;

/** Width of the formatter (biome.json). */
const MAX_COMMENT_WIDTH = 110;

/** The only re-export: code that throws an error needs the codes beside the class. */
const ALLOWED_RE_EXPORTS = new Set(["shared/core/errors.ts"]);

const MAY_PRINT = /^(cli|examples|bench|fault|sim)\//;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.tsx?$/;
const UNFINISHED = /\b(TODO|FIXME|XXX|HACK)\b/;

export function findLongFiles(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    if (lines <= MAX_FILE_LINES) return [];
    return [{ path, line: lines, rule: `a file has at most ${MAX_FILE_LINES} lines, this has ${lines}` }];
  });
}

export function findLongFunctions(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => !path.startsWith("test/"))
    .flatMap(({ path, text, program }) => {
      const findings: Finding[] = [];
      const measure = ({ start, end }: Node) => {
        const line = lineAt(text, start);
        const lines = lineAt(text, end) - line + 1;
        if (lines <= MAX_FUNCTION_LINES) return;
        const rule = `a function has at most ${MAX_FUNCTION_LINES} lines, this has ${lines}`;
        findings.push({ path, line, rule });
      };
      const visitor = {
        FunctionDeclaration: measure,
        FunctionExpression: measure,
        ArrowFunctionExpression: measure,
      };
      new Visitor(visitor).visit(program);
      return findings;
    });
}

/** Limit of parameters: callers mix up more. A range `[from, to)` or `[start, end)` counts as one. */
const MAX_PARAMETERS = 4;
const RANGES = new Set(["from to", "start end"]);

export function findManyParameters(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => !path.startsWith("test/"))
    .flatMap(({ path, text, program }) => {
      const findings: Finding[] = [];
      const count = ({ params, start }: Pick<FunctionNode, "params" | "start">) => {
        const names = params.map((param) => (param.type === "Identifier" ? param.name : ""));
        const ranges = names.filter((name, at) => RANGES.has(`${name} ${names[at + 1]}`));
        const found = names.length - ranges.length;
        if (found <= MAX_PARAMETERS) return;
        const rule = `a function has at most ${MAX_PARAMETERS} parameters, this has ${found}`;
        findings.push({ path, line: lineAt(text, start), rule });
      };
      new Visitor({
        FunctionDeclaration: count,
        FunctionExpression: count,
        ArrowFunctionExpression: count,
      }).visit(program);
      return findings;
    });
}

/** Finds wide comments, which the formatter ignores. A URL cannot be broken. */
export function findWideComments(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, text, comments }) => {
    const lines = text.split("\n");
    return comments.flatMap((comment) =>
      comment.text.split("\n").flatMap((_, at) => {
        const line = lines[comment.line - 1 + at] ?? "";
        if (line.length <= MAX_COMMENT_WIDTH || /https?:\/\//.test(line)) return [];
        return [{ path, line: comment.line + at, rule: `a comment is at most ${MAX_COMMENT_WIDTH} wide` }];
      }),
    );
  });
}

export function findBadNames(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => !KEBAB_CASE.test(path.split("/").at(-1) ?? ""))
    .map(({ path }) => ({ path, line: 1, rule: "file names are kebab-case" }));
}

export function findReExports(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => !ALLOWED_RE_EXPORTS.has(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ reExport }) => reExport)
        .map(({ specifier, line }) => ({
          path,
          line,
          rule: `no barrels: import ${specifier} where it is used`,
        })),
    );
}

/** Finds prints outside commands. stdout is for a command's result, and stderr for the log. */
export function findPrinting(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => !MAY_PRINT.test(path))
    .flatMap(({ path, text, program }) => {
      const findings: Finding[] = [];
      new Visitor({
        MemberExpression(node) {
          if (node.object.type !== "Identifier" || node.object.name !== "console") return;
          findings.push({
            path,
            line: lineAt(text, node.start),
            rule: "only cli/, examples/, bench/ and fault/ use console",
          });
        },
      }).visit(program);
      return findings;
    });
}

export function findUnfinished(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, comments }) =>
    comments.flatMap(({ text, line }) => {
      const mark = UNFINISHED.exec(text)?.[0];
      return mark === undefined
        ? []
        : [{ path, line, rule: `nothing is left unfinished: ${mark} in a comment` }];
    }),
  );
}

/** Finds unit tests without a matching source folder: `test/unit/shared/core` tests `shared/core`. */
export function findStrayUnitTests(files: readonly SourceFile[]): Finding[] {
  const folders = new Set(files.flatMap(({ path }) => parentsOf(path)));
  return files.flatMap(({ path }) => {
    const mirrored = /^test\/(?:unit\/|machine\/)?((?<=unit\/|machine\/).+|extensions\/.+)\/[^/]+$/.exec(
      path,
    )?.[1];
    if (mirrored === undefined || folders.has(mirrored)) return [];
    return [{ path, line: 1, rule: `a unit test mirrors the source: there is no ${mirrored}/` }];
  });
}

function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join("/"));
}
