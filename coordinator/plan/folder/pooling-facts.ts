import { isGroup } from "../../../shared/core/is-group.ts";
import type { PoolingFacts } from "../../../shared/domain/model-folder.ts";
import type { Settings } from "./settings.ts";

/** Poolings by the flags of a pooling's configuration. Null: unsupported. */
const POOLINGS = {
  pooling_mode_mean_tokens: "mean",
  pooling_mode_cls_token: "cls",
  pooling_mode_max_tokens: "max",
  pooling_mode_lasttoken: "last",
  pooling_mode_mean_sqrt_len_tokens: null,
  pooling_mode_weightedmean_tokens: null,
} as const satisfies Record<string, PoolingFacts["pool"] | null>;

/** Poolings by the library's names in `pooling_mode`. */
const POOLING_NAMES: Readonly<Record<string, PoolingFacts["pool"]>> = {
  mean: "mean",
  cls: "cls",
  max: "max",
  lasttoken: "last",
};

/**
 * Reads how token vectors become one vector per row, from `1_Pooling/config.json`. Needs all modules of
 * `modules.json` to be known.
 *
 * @param list content of `modules.json`. Null: no such file.
 */
export function readPooling(pooling: Settings, list: unknown, modules: Settings): PoolingFacts | null {
  const known = readModules(list, modules);
  if (known === null) return null;
  const isSaid = pooling.keys.length > 0;
  if (list !== null && known.includes(POOLING) !== isSaid) {
    const file = `${POOLING_FOLDER}/config.json`;
    const what = isSaid
      ? `has no pooling, and ${file} describes one`
      : `has a pooling, and ${file} describes none`;
    return modules.doubt("type", what);
  }
  if (!isSaid) return null;
  if (pooling.flag("include_prompt") === false)
    return pooling.doubt(
      "include_prompt",
      "excludes the tokens of a `prefix` from the pooling, which is not supported",
    );
  const pool = pooling.value("pooling_mode") === null ? readFlags(pooling) : readName(pooling);
  return pool === null ? null : { pool, normalize: known.includes("Normalize") };
}

/** Reads `pooling_mode`, which takes precedence over the flags. */
function readName(pooling: Settings): PoolingFacts["pool"] | null {
  const name = pooling.text("pooling_mode");
  if (name === null) return null;
  return Object.hasOwn(POOLING_NAMES, name) && POOLING_NAMES[name] !== undefined
    ? POOLING_NAMES[name]
    : pooling.doubt("pooling_mode", "is an unknown pooling");
}

function readFlags(pooling: Settings): PoolingFacts["pool"] | null {
  const [first, ...more] = Object.entries(POOLINGS).filter(([key]) => pooling.flag(key) === true);
  if (first === undefined) return pooling.doubt("pooling_mode_mean_tokens", "no pooling is chosen");
  const [key, pool] = first;
  if (more.length > 0)
    return pooling.doubt(key, `is combined with ${more.map(([other]) => other).join(", ")}`);
  return pool ?? pooling.doubt(key, "is an unknown pooling");
}

const POOLING = "Pooling";
/** Folder of the pooling's settings, as the library writes them. */
const POOLING_FOLDER = "1_Pooling";

/** Supported modules of `modules.json`. */
const KNOWN_MODULES: readonly string[] = ["Transformer", POOLING, "Normalize"];

/** Returns the last part of each module's type, in order. Null, with a doubt: a module is unknown. */
function readModules(value: unknown, settings: Settings): readonly string[] | null {
  const modules = Array.isArray(value) ? value.map((module: unknown) => (isGroup(module) ? module : {})) : [];
  const names = modules.flatMap(({ type }) =>
    typeof type === "string" ? [type.split(".").at(-1) ?? ""] : [],
  );
  if (names.length < modules.length)
    return settings.doubt("type", "is not a list of modules with their types");
  const unknown = names.filter((name) => !KNOWN_MODULES.includes(name));
  if (unknown.length > 0) {
    const which = unknown.join(", ");
    return settings.doubt(
      "type",
      `has ${which}, which the original library also runs, and which is not supported here`,
    );
  }
  const place = modules[names.indexOf(POOLING)]?.path ?? POOLING_FOLDER;
  return place === POOLING_FOLDER
    ? names
    : settings.doubt("path", `names another folder for the pooling than ${POOLING_FOLDER}`);
}
