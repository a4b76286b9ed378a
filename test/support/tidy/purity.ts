import { type Node, Visitor } from "oxc-parser";
import { type Finding, lineAt, type SourceFile, targetOf } from "./source-file.ts";

/**
 * Files that decide or render without clock, randomness, timers or I/O, so that tests control everything
 * about them.
 */
export const PURE_FILES: readonly RegExp[] = [
  /^coordinator\/schedule\//,
  /^coordinator\/plan\/plan-shards\.ts$/,
  /^coordinator\/plan\/footers\/seal-dataset\.ts$/,
  /^coordinator\/plan\/bind\//,
  /^coordinator\/plan\/labels\/(labels-text|named-labels)\.ts$/,
  /^coordinator\/publish\/layout\.ts$/,
  /^coordinator\/publish\/shape\/folder-plan\.ts$/,
  /^shared\/rows\/plan-parts\.ts$/,
  /^coordinator\/insight\/(advice|bottleneck|durations|pace-(meter|samples)|recall-run|record-times|run-(memory|meter)|packed-history|shard-(cells|map)|time-line|worker-memor(y|ies)|store-advice|store-rates|store-watch)\.ts$/,
  /^shared\/plots\//,
  /^extensions\/report\/(?!(command|extension)\.ts$)/,
  /^extensions\/estimate\/(predict|rate|sample-shards|estimate-text)\.ts$/,
  /^extensions\/node-check\/(checks|checks-text|figures|loop-batches|workloads|models\/[a-z]+)\.ts$/,
  /^extensions\/try\/([a-z]+-text|row-(sections|printer))\.ts$/,
  /^shared\/(domain|output-ops|input-sources|boxes)\//,
  /^cli\/render\/(?!live-progress\.ts$)/,
  /^shared\/terminal\/(?!(command-parts|connecting-options|early-signals|stop-signals)\.ts$)/,
  /^extensions\/convert\/(conversion-text|onnx\/precision|check\/(judge-precision|precision-text))\.ts$/,
  /^extensions\/serve\/(spec|queue\/messages)\//,
  /^extensions\/serve\/(runs-text|trigger\/(trigger-state|quiet-files)|queue\/(gatherer|key-ledger|row-json))\.ts$/,
  // Declarations of extensions import these.
  /^extensions\/[^/]+\/(address(-options)?|(output\/)?op|spec)\.ts$/,
  /^extensions\/sound\/spectrogram\//,
  /^worker\/batch\/(batch-(sizer|search)|bounds|fixed-runs)\.ts$/,
  /^worker\/lanes\/lane-layout\.ts$/,
];

/** Files that must not even wait: an event goes in, and effects come out. */
const SYNCHRONOUS_FILES = /^coordinator\/schedule\//;

const BANNED_MODULES =
  /^node:(fs|net|tls|dns|dgram|https?|http2|child_process|cluster|worker_threads|timers|os|process|perf_hooks)(\/|$)/;
/** Names that import a clock, randomness or I/O from an otherwise pure module. */
const BANNED_NAMES = new Set([
  "systemClock",
  "sleep",
  "sleepBy",
  "digestFile",
  "createLogger",
  "packageRoot",
  "randomUUID",
  "randomBytes",
  "randomInt",
]);
const BANNED_OBJECTS = new Set(["performance", "process"]);
const BANNED_MEMBERS = new Set(["Date.now", "Math.random"]);
const BANNED_CALLS = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
  "Date",
]);

export function isPure(path: string): boolean {
  return PURE_FILES.some((pattern) => pattern.test(path));
}

export function findImpurities(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => isPure(path))
    .flatMap((file) => [...bannedImports(file), ...bannedCode(file)]);
}

function bannedImports({ path, imports }: SourceFile): Finding[] {
  return imports
    .filter(({ typeOnly }) => !typeOnly)
    .flatMap(({ specifier, names, line }) => {
      if (BANNED_MODULES.test(specifier))
        return [{ path, line, rule: `a pure file does no I/O: import of ${specifier}` }];
      const banned = names.filter((name) => BANNED_NAMES.has(name));
      const from = targetOf(path, specifier) ?? specifier;
      return banned.map((name) => ({ path, line, rule: `a pure file takes no ${name} from ${from}` }));
    });
}

function bannedCode({ path, text, program }: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const report = (node: Node, rule: string) => findings.push({ path, line: lineAt(text, node.start), rule });
  const reportAsync = (node: Node, what: string) => {
    if (SYNCHRONOUS_FILES.test(path)) report(node, `the scheduling core is synchronous: ${what}`);
  };
  const visitFunction = (node: Node & { async: boolean }) => {
    if (node.async) reportAsync(node, "async function");
  };
  new Visitor({
    MemberExpression(node) {
      if (node.object.type !== "Identifier") return;
      const object = node.object.name;
      const name = node.property.type === "Identifier" ? `${object}.${node.property.name}` : object;
      if (BANNED_OBJECTS.has(object) || BANNED_MEMBERS.has(name))
        report(node, `a pure file takes no ${name}`);
    },
    CallExpression(node) {
      if (node.callee.type !== "Identifier" || !BANNED_CALLS.has(node.callee.name)) return;
      report(node, `a pure file takes no ${node.callee.name}()`);
    },
    NewExpression(node) {
      if (node.callee.type !== "Identifier" || node.callee.name !== "Date" || node.arguments.length > 0)
        return;
      report(node, "a pure file takes no new Date()");
    },
    Identifier(node) {
      if (node.name === "Promise") reportAsync(node, "Promise");
    },
    AwaitExpression: (node) => reportAsync(node, "await"),
    FunctionDeclaration: visitFunction,
    FunctionExpression: visitFunction,
    ArrowFunctionExpression: visitFunction,
  }).visit(program);
  return findings;
}
