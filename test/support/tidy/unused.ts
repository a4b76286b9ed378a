import { type Node, Visitor } from "oxc-parser";
import { type Finding, lineAt, loadedBy, type SourceFile } from "./source-file.ts";

const TESTS = /^test\//;
/** Folders that test the product. An export that a test imports from them is used. */
const EQUIPMENT = /^(bench|examples|fault|scripts|sim)\//;
/** Files that a tool, or a condition of package.json, names. */
const CONFIGURATION = /^(vitest\.config|extensions\/none|sim\/stand-in)\.ts$/;

/** Tables that only a test imports whole, because it checks that they are complete. */
export const TABLES: readonly string[] = ["coordinator/access/method-callers.ts METHOD_CALLERS"];
const CODE_TABLE = "shared/core/error-codes.ts";

/**
 * Finds exports that no other file imports. A product's value that only tests import counts as unused,
 * because a test should use what the product uses. A type may be exported for a test, because it adds no
 * running code. The signature of an exported function is no reason to export a type, because a caller need
 * not name it.
 */
export function findUnusedExports(files: readonly SourceFile[], tables = TABLES): Finding[] {
  const importedBy = (among: readonly SourceFile[]) =>
    new Set(
      among.flatMap(({ path, imports }) =>
        imports.flatMap(({ specifier, names }) =>
          names.map((name) => `${loadedBy(path, specifier)} ${name}`),
        ),
      ),
    );
  const byTests = importedBy(files.filter(({ path }) => TESTS.test(path)));
  const byProduct = importedBy(files.filter(({ path }) => !TESTS.test(path)));
  return files
    .filter(({ path }) => !TESTS.test(path) && !CONFIGURATION.test(path))
    .flatMap(({ path, exports }) =>
      exports.flatMap(({ name, isType, line }) => {
        const isIn = (imported: ReadonlySet<string>) =>
          imported.has(`${path} ${name}`) || imported.has(`${path} *`);
        if (isIn(byProduct) || tables.includes(`${path} ${name}`)) return [];
        // A job file names it.
        if (name === "default" && path.startsWith("examples/")) return [];
        if (isIn(byTests) && (isType || EQUIPMENT.test(path))) return [];
        const users = isIn(byTests) ? "only tests import" : "no other file imports";
        return [{ path, line, rule: `exports ${name}, which ${users}` }];
      }),
    );
}

/** Finds tables that are missing, or that the product imports. */
export function findUnusedTables(files: readonly SourceFile[]): string[] {
  const found = findUnusedExports(files, []).map(
    ({ path, rule }) => `${path} ${/^exports (\w+)/.exec(rule)?.[1]}`,
  );
  return TABLES.filter((table) => !found.includes(table));
}

/**
 * Finds codes of the table that no file of the product gives to an error. They are only compared, or only
 * named as a key of a type or another table.
 */
export function findUnusedCodes(files: readonly SourceFile[]): Finding[] {
  const table = files.find(({ path }) => path === CODE_TABLE);
  if (table === undefined) return [{ path: CODE_TABLE, line: 1, rule: "does not exist: was it renamed?" }];
  const given = new Set<string>();
  for (const { path, program } of files) {
    if (TESTS.test(path) || path === CODE_TABLE) continue;
    const compared = new Set<unknown>();
    const passOver = (...nodes: readonly (Node | null)[]) => {
      for (const node of nodes) compared.add(node);
    };
    new Visitor({
      BinaryExpression: ({ left, right }) => passOver(left, right),
      SwitchCase: ({ test }) => passOver(test),
      Property: ({ key }) => passOver(key),
      TSLiteralType: ({ literal }) => passOver(literal),
      Literal(node) {
        if (typeof node.value === "string" && !compared.has(node)) given.add(node.value);
      },
    }).visit(program);
  }
  return codesOf(table)
    .filter(({ code }) => !given.has(code))
    .map(({ code, line }) => ({ path: CODE_TABLE, line, rule: `nothing fails with ${code}` }));
}

function codesOf({ text, program }: SourceFile): { readonly code: string; readonly line: number }[] {
  const codes: { code: string; line: number }[] = [];
  new Visitor({
    Property({ key, start }) {
      if (key.type === "Identifier" && /^[A-Z][A-Z_]+$/.test(key.name))
        codes.push({ code: key.name, line: lineAt(text, start) });
    },
  }).visit(program);
  return codes;
}
