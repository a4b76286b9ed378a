import { dirname } from "node:path/posix";
import { isPure } from "./purity.ts";
import { type Finding, type SourceFile, targetOf } from "./source-file.ts";

/**
 * Layers of the code, from the lowest up (docs/architecture.md). A file may import from its own layer and
 * from lower ones. The first pattern that matches a path decides.
 */
export const LAYERS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "shared/core", pattern: /^shared\/core\// },
  { name: "map parts", pattern: /^shared\/(output-ops|input-sources|boxes)\// },
  { name: "shared/domain", pattern: /^shared\/domain\// },
  {
    name: "shared seams",
    pattern:
      /^shared\/(access|metrics|dataset|extension|http|storage|wire|onnx|reduce|rows|sql|steps|text|values|job-file|plots|serving|terminal)\//,
  },
  { name: "pure parts", pattern: /^coordinator\/schedule\// },
  { name: "I/O parts", pattern: /^(coordinator\/(?!grpc\/)|worker\/(?!process\/))[^/]+\// },
  { name: "gRPC", pattern: /^coordinator\/grpc\// },
  { name: "composition roots", pattern: /^(coordinator\/[^/]+\.ts$|worker\/process\/)/ },
  { name: "extensions", pattern: /^extensions\// },
  { name: "cli", pattern: /^cli\// },
  { name: "page", pattern: /^page\// },
  { name: "examples, bench and tests", pattern: /^(examples|bench|fault|sim|test)\/|^vitest\.config\.ts$/ },
];

const PURE_LAYER = LAYERS.findIndex(({ name }) => name === "pure parts");

/**
 * Returns the layer of a file. A pure file is in the pure layer, whatever its folder contains. It may still
 * share types with its folder, because they do nothing.
 */
function layerOf(path: string, typeOnly: boolean): number {
  const layer = LAYERS.findIndex(({ pattern }) => pattern.test(path));
  const lifted = !typeOnly && layer > PURE_LAYER && /^(coordinator|worker)\//.test(path) && isPure(path);
  return lifted ? PURE_LAYER : layer;
}

/** Finds imports from a higher layer, or between coordinator and worker, and files without a layer. */
export function findLayerBreaks(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const layer = layerOf(file.path, true);
    if (layer < 0)
      return [{ path: file.path, line: 1, rule: "belongs to no layer: see LAYERS in layers.ts" }];
    return file.imports.flatMap(({ specifier, typeOnly, line }) => {
      const target = targetOf(file.path, specifier);
      if (target === null) return [];
      const rule = breakOf(file.path, target, typeOnly);
      return rule === null ? [] : [{ path: file.path, line, rule }];
    });
  });
}

function breakOf(from: string, to: string, typeOnly: boolean): string | null {
  const sides = [from, to].map((path) => path.split("/")[0]).sort();
  if (sides.join() === "coordinator,worker") return `coordinator/ and worker/ never import each other: ${to}`;
  const [layer, target] = [layerOf(from, typeOnly), layerOf(to, typeOnly)];
  if (target <= layer) return null;
  return `imports go down, never up: ${LAYERS[layer]?.name} imports ${to} of ${LAYERS[target]?.name}`;
}

/** Finds import cycles, type imports included. Lists each once, from its first file in alphabetical order. */
export function findCircles(files: readonly SourceFile[]): Finding[] {
  const arrows = new Map<string, Arrow[]>();
  for (const file of files) {
    const targets = file.imports.map(({ specifier, line }) => ({
      to: targetOf(file.path, specifier) ?? "",
      path: file.path,
      line,
    }));
    arrows.set(file.path, targets);
  }
  return circlesOf(arrows, "import circle");
}

/** Finds folders that import each other, in cycles of any length: to read one, you must read them all. */
export function findFolderCircles(files: readonly SourceFile[]): Finding[] {
  const arrows = new Map<string, Arrow[]>();
  for (const { path, imports } of files) {
    const from = dirname(path);
    const own = arrows.get(from) ?? [];
    arrows.set(from, own);
    for (const { specifier, line } of imports) {
      const target = targetOf(path, specifier);
      if (target !== null && dirname(target) !== from) own.push({ to: dirname(target), path, line });
    }
  }
  return circlesOf(arrows, "folder circle");
}

interface Arrow {
  readonly to: string;
  /** File of the import. */
  readonly path: string;
  readonly line: number;
}

function circlesOf(arrows: ReadonlyMap<string, readonly Arrow[]>, what: string): Finding[] {
  const finished = new Set<string>();
  const trail: string[] = [];
  const findings: Finding[] = [];
  const visit = (node: string, { path, line }: Omit<Arrow, "to">) => {
    const own = arrows.get(node);
    if (own === undefined || finished.has(node)) return;
    const start = trail.indexOf(node);
    if (start >= 0) {
      findings.push({ path, line, rule: `${what}: ${[...trail.slice(start), node].join(" -> ")}` });
      return;
    }
    trail.push(node);
    for (const arrow of own) visit(arrow.to, arrow);
    trail.pop();
    finished.add(node);
  };
  for (const node of [...arrows.keys()].sort()) visit(node, { path: node, line: 1 });
  return findings;
}
