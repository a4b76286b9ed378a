import { type ArrowFunctionExpression, type Function as FunctionNode, type Node, Visitor } from "oxc-parser";
import { type Finding, lineAt, type SourceFile } from "./source-file.ts";

/** Shorter bodies are equal by chance. */
const LEAST_LINES = 6;

/** Fields of a node that do not affect its function: positions. */
const PASSED_OVER = new Set(["start", "end", "range"]);

/**
 * Finds functions that do the same, whatever their names: the later ones, each with the first. Tests are
 * excluded, because a test that can be read alone may repeat another's lines.
 */
export function findDuplicates(files: readonly SourceFile[]): Finding[] {
  const firsts = new Map<string, string>();
  return files
    .filter(({ path }) => !path.startsWith("test/"))
    .flatMap(({ path, text, program }) => {
      const findings: Finding[] = [];
      const compare = (node: ArrowFunctionExpression | FunctionNode) => {
        const line = lineAt(text, node.start);
        if (node.body === null || lineAt(text, node.end) - line + 1 < LEAST_LINES) return;
        const shape = shapeOf([...node.params, node.body]);
        const first = firsts.get(shape);
        if (first === undefined) firsts.set(shape, `${path}:${line}`);
        else findings.push({ path, line, rule: `does the same as the function at ${first}` });
      };
      new Visitor({
        FunctionDeclaration: compare,
        FunctionExpression: compare,
        ArrowFunctionExpression: compare,
      }).visit(program);
      return findings;
    });
}

/** Returns a text that is equal for equal code. Names become numbers, by their first occurrence. */
function shapeOf(nodes: readonly Node[]): string {
  const names = new Map<string, number>();
  return JSON.stringify(nodes, (key, value: unknown) => {
    if (PASSED_OVER.has(key)) return undefined;
    if (typeof value === "bigint") return String(value);
    if (key !== "name" || typeof value !== "string") return value;
    names.set(value, names.get(value) ?? names.size);
    return names.get(value);
  });
}
