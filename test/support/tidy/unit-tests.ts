import { type Node, Visitor } from "oxc-parser";
import { type Finding, type SourceFile, targetOf } from "./source-file.ts";

const UNIT = /^test\/unit\//;

const MACHINE = /^node:(fs|net|tls|dgram|https?|http2|child_process|cluster|worker_threads|timers)(\/|$)/;

/** Names by which the product's modules provide a folder, a process or a clock. */
const MACHINE_NAMES = new Set([
  "makeTempFolder",
  "openSqlProcess",
  "runIsolated",
  "sleep",
  "systemClock",
  "useDatabase",
  "withTempFolder",
]);

const CLOCK_CALLS = new Set(["setTimeout", "setInterval"]);
const CLOCK_MEMBERS = new Set(["Date.now", "performance.now"]);

/**
 * Finds unit tests that need a disk, a thread, a process, a network or a clock. Their imports from `test/`
 * count, too. Such tests belong into `test/machine`.
 */
export function findHeavyUnitTests(files: readonly SourceFile[]): Finding[] {
  const tests = new Map(
    files.filter(({ path }) => path.startsWith("test/")).map((file) => [file.path, file]),
  );
  const causes = new Map([...tests.values()].map((file) => [file.path, causeIn(file)]));
  return [...tests.values()].flatMap((file) => {
    if (!UNIT.test(file.path)) return [];
    for (const path of reachedFrom(file, tests)) {
      const cause = causes.get(path) ?? null;
      if (cause === null) continue;
      const by = path === file.path ? "" : ` by ${path}`;
      return [{ path: file.path, line: 1, rule: `a unit test needs no machine: ${cause}${by}` }];
    }
    return [];
  });
}

/** Returns the files of `test/` that are loaded with one, itself first. */
function reachedFrom(file: SourceFile, tests: ReadonlyMap<string, SourceFile>): ReadonlySet<string> {
  const reached = new Set([file.path]);
  for (const path of reached) {
    for (const { specifier, typeOnly } of tests.get(path)?.imports ?? []) {
      const target = targetOf(path, specifier);
      if (!typeOnly && target !== null && tests.has(target)) reached.add(target);
    }
  }
  return reached;
}

/** Returns the part of the machine that a file needs, or null. */
function causeIn({ imports, program }: SourceFile): string | null {
  for (const { specifier, names, typeOnly } of imports) {
    if (typeOnly) continue;
    if (MACHINE.test(specifier)) return specifier;
    const named = names.find((name) => MACHINE_NAMES.has(name));
    if (named !== undefined) return named;
  }
  return clockIn(program);
}

function clockIn(program: Node): string | null {
  let found: string | null = null;
  new Visitor({
    CallExpression({ callee }) {
      if (callee.type === "Identifier" && CLOCK_CALLS.has(callee.name)) found ??= callee.name;
      if (callee.type !== "MemberExpression") return;
      const { object, property } = callee;
      if (object.type !== "Identifier" || property.type !== "Identifier") return;
      const name = `${object.name}.${property.name}`;
      if (CLOCK_MEMBERS.has(name)) found ??= name;
    },
  }).visit(program as never);
  return found;
}
