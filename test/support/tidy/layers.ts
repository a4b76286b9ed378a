import { isPure } from "./purity.ts";
import { type Finding, type SourceFile, targetOf } from "./source-file.ts";

/**
 * The layers of the house, from the ground up (docs/architecture.md). A file may import from its own layer and from those
 * below. The first pattern that fits a path decides.
 */
export const LAYERS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "shared/core", pattern: /^shared\/core\// },
  { name: "shared/domain", pattern: /^shared\/domain\// },
  { name: "shared seams", pattern: /^shared\/(access|dataset|store|wire|onnx|sql|spec)\// },
  { name: "pure parts", pattern: /^(coordinator|worker)\/(schedule\/|journal\/record\.ts)/ },
  { name: "I/O parts", pattern: /^(coordinator|worker)\/(?!service\/)[^/]+\// },
  { name: "service", pattern: /^coordinator\/service\// },
  { name: "composition roots", pattern: /^(coordinator|worker)\/[^/]+\.ts$/ },
  { name: "cli", pattern: /^cli\// },
  { name: "examples, bench and tests", pattern: /^(examples|bench|fault|sim|test)\/|^vitest\.config\.ts$/ },
];

const PURE_LAYER = LAYERS.findIndex(({ name }) => name === "pure parts");

/** A pure file is in the pure layer whatever is in its folder; but types, which do nothing, it may share with the folder. */
function layerOf(path: string, typeOnly: boolean): number {
  const layer = LAYERS.findIndex(({ pattern }) => pattern.test(path));
  const lifted = !typeOnly && layer > PURE_LAYER && /^(coordinator|worker)\//.test(path) && isPure(path);
  return lifted ? PURE_LAYER : layer;
}

/** Imports that go up a layer, or between coordinator and worker; files that no layer takes. */
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

/** Import circles, type imports included: each once, from its first file in alphabetical order. */
export function findCircles(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const finished = new Set<string>();
  const trail: string[] = [];
  const findings: Finding[] = [];
  const visit = (path: string, line: number) => {
    const file = byPath.get(path);
    if (file === undefined || finished.has(path)) return;
    const start = trail.indexOf(path);
    if (start >= 0) {
      const circle = [...trail.slice(start), path].join(" -> ");
      findings.push({ path: trail.at(-1) ?? path, line, rule: `import circle: ${circle}` });
      return;
    }
    trail.push(path);
    for (const each of file.imports) visit(targetOf(path, each.specifier) ?? "", each.line);
    trail.pop();
    finished.add(path);
  };
  for (const path of [...byPath.keys()].sort()) visit(path, 1);
  return findings;
}
