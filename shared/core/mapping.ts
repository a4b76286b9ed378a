import { EXTENSIONS } from "#extensions";
import { packageVersion } from "./package-root.ts";

/**
 * Raise it with every change after which the same job would give other rows, or other bytes of them: else an
 * output could have rows of both kinds. `test/slow/mapping.test.ts` notices for a job that has some of
 * everything; for the rest, whoever makes the change must.
 */
const MAPPING = 2;

/**
 * Libraries of the engine by whose versions rows may differ: what computes, what decodes, what encodes.
 * Extensions name theirs. Beside them V8, since ECMAScript leaves the last bit of `Math.exp` and `Math.sin`
 * to whoever implements them.
 */
const LIBRARIES = ["onnxruntime-node", "@duckdb/node-api", "apache-arrow", "parquet-wasm", "lz4-napi"];

let own: string | null = null;

/**
 * What decides the bytes of a partial, beside the job: `1 onnxruntime-node@1.30.0 ...`, our own number and
 * the versions of libraries. Workers of one mapping may work on one output, whatever their build is.
 */
export function ownMapping(): string {
  const libraries = [...LIBRARIES, ...EXTENSIONS.flatMap(({ mapsBy = [] }) => mapsBy)];
  own ??= [`${MAPPING}`, `v8@${v8Version()}`, ...libraries.map(versioned)].join(" ");
  return own;
}

function versioned(name: string): string {
  return `${name}@${packageVersion(name)}`;
}

/** `11.3`: the same in all releases of one Node. */
function v8Version(): string {
  return process.versions.v8.split(".").slice(0, 2).join(".");
}

/** In what two mappings differ: `onnxruntime-node@1.30.0`, for a person to read. */
export function onlyIn(mapping: string, other: string): string {
  const others = new Set(other.split(" "));
  const only = mapping.split(" ").filter((part) => !others.has(part));
  return only.length === 0 ? "nothing else" : only.join(" ");
}
