import { EXTENSIONS } from "#extensions";
import { packageVersion } from "./package-root.ts";

/**
 * Version of the mapping. Raise it with every change that gives a job other rows or bytes. Otherwise an
 * output could mix both kinds. `test/slow/mapping.test.ts` detects changes for a job that covers every
 * feature. The author of a change must judge the rest.
 */
const MAPPING = 3;

/**
 * Libraries of the engine whose versions may change rows: they compute, decode or encode. Extensions add
 * theirs. V8 counts, too, because ECMAScript does not define the last bit of `Math.exp` and `Math.sin`.
 */
const LIBRARIES = ["onnxruntime-node", "@duckdb/node-bindings", "apache-arrow", "parquet-wasm", "lz4-napi"];

let own: string | null = null;

/**
 * Returns the facts that define a partial's bytes for a given job: our own version and the libraries'.
 * Example: `2 v8@11.3 onnxruntime-node@1.30.0 ...`. Workers with equal mappings may share an output, whatever
 * their build.
 */
export function ownMapping(): string {
  own ??= foundMapping();
  return own;
}

function foundMapping(): string {
  const libraries = [...LIBRARIES, ...EXTENSIONS.flatMap(({ mapsBy = [] }) => mapsBy)];
  return [`${MAPPING}`, `v8@${v8Version()}`, ...libraries.map(versioned)].join(" ");
}

function versioned(name: string): string {
  return `${name}@${packageVersion(name)}`;
}

/** Returns `11.3`, which all releases of one Node share. */
function v8Version(): string {
  return process.versions.v8.split(".").slice(0, 2).join(".");
}

/** Lists the parts of `mapping` that `other` lacks: `onnxruntime-node@1.30.0`. For messages. */
export function onlyIn(mapping: string, other: string): string {
  const others = new Set(other.split(" "));
  const only = mapping.split(" ").filter((part) => !others.has(part));
  return only.length === 0 ? "nothing else" : only.join(" ");
}
