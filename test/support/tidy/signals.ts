import { type Node, type ParamPattern, Visitor } from "oxc-parser";
import { type Finding, lineAt, type SourceFile } from "./source-file.ts";

/** Test helpers may default a signal, because their waits end with the test. */
const MAY_DEFAULT = /^test\//;

/** Finds signals that a caller can forget, and those that precede other parameters. */
export function findLooseSignals(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(({ path, text, program }) => {
    const findings: Finding[] = [];
    const report = ({ start }: Node, rule: string) =>
      findings.push({ path, line: lineAt(text, start), rule });
    const wants = (node: Node) =>
      /^(?:readonly )?\w+\??: AbortSignal\b/.test(text.slice(node.start, node.end));
    const judge = (node: Node) => {
      const isLoose = /^[^:]*(?:\?:|: AbortSignal (?:=|\| (?:null|undefined)))/.test(
        text.slice(node.start, node.end),
      );
      if (isLoose && !MAY_DEFAULT.test(path))
        report(node, "a signal is required: pass NEVER for a call that is never aborted");
    };
    const visit = ({ params }: { readonly params: readonly ParamPattern[] }) => {
      for (const [at, param] of params.entries()) {
        if (!wants(param)) continue;
        judge(param);
        if (!params.slice(at).every(wants)) report(param, "a signal is the last parameter");
      }
    };
    new Visitor({
      FunctionDeclaration: visit,
      FunctionExpression: visit,
      ArrowFunctionExpression: visit,
      TSFunctionType: visit,
      TSMethodSignature: visit,
      TSPropertySignature: (node) => wants(node) && judge(node),
    }).visit(program);
    return findings;
  });
}
