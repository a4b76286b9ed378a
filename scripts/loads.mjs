// Limits what each script of the bundle loads: node scripts/loads.mjs --check. A module costs time at each
// start. A single import may bring a whole library. The limits are in scripts/loads.json, in KiB of bundled
// code for each script and part. A part is a library or a folder of ours. The part `joined code` is code that a
// script loads in vain, because it shares a file with other code (scripts/join-groups.mjs). After a change on
// purpose, and a build: node scripts/loads.mjs --keep. With --limits FILE it compares with other limits.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Room for small changes, as a share and in KiB. */
const ROOM = { share: 1.1, kib: 4 };

/** Limit of a part without a row, in KiB. */
const SMALL = 8;

/** Number of modules in a message. */
const SHOWN = 5;

/** Returns the files of the bundle that a script loads when it starts. */
export function loadedFiles({ outputs }, script, groupOf) {
  const [first] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === script) ?? [];
  if (first === undefined) throw new Error(`the bundle has no ${script}`);
  return filesLoadedBy(outputs, first, groupOf);
}

/**
 * Returns a file and all that it imports, except by dynamic imports. `groupOf` has the group of each chunk
 * that shares a file with others.
 */
export function filesLoadedBy(outputs, file, groupOf = new Map()) {
  const loaded = new Set([file]);
  for (const each of loaded) {
    for (const path of groupOf.get(each) ?? []) loaded.add(path);
    for (const { path, kind, external } of outputs[each].imports)
      if (kind === "import-statement" && external !== true) loaded.add(path);
  }
  return loaded;
}

/**
 * Returns the modules that each script imports when it starts, and those that it only loads with them. Both
 * with their bytes in the bundle.
 */
export function loadsOf(metafile, scripts, groups) {
  const groupOf = new Map(groups.flatMap((paths) => paths.map((path) => [path, paths])));
  const modulesOf = (files) => {
    const modules = files.flatMap((file) => Object.entries(metafile.outputs[file].inputs));
    return Object.fromEntries(modules.map(([path, { bytesInOutput }]) => [path, bytesInOutput]));
  };
  return Object.fromEntries(
    scripts.map((script) => {
      const imported = loadedFiles(metafile, script);
      const joined = [...loadedFiles(metafile, script, groupOf)].filter((file) => !imported.has(file));
      return [script, { imported: modulesOf([...imported]), joined: modulesOf(joined) }];
    }),
  );
}

function partOf(module) {
  const [, library] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(module) ?? [];
  return library ?? module.split("/").slice(0, 2).join("/");
}

/** Returns the modules of a script by part, the largest first. */
function partsOf({ imported, joined }) {
  const parts = new Map();
  const modules = [
    ...Object.entries(imported).map(([module, bytes]) => [partOf(module), module, bytes]),
    ...Object.entries(joined).map(([module, bytes]) => ["joined code", module, bytes]),
  ];
  for (const [part, module, bytes] of modules) {
    const { bytes: before = 0, modules: others = [] } = parts.get(part) ?? {};
    parts.set(part, { bytes: before + bytes, modules: [...others, { module, bytes }] });
  }
  return [...parts].sort(([, a], [, b]) => b.bytes - a.bytes);
}

function limitsOf(loads) {
  const limit = ({ bytes }) => Math.ceil((bytes * ROOM.share) / 1024) + ROOM.kib;
  const row = (modules) =>
    Object.fromEntries(
      partsOf(modules)
        .map(([part, found]) => [part, limit(found)])
        .filter(([, kib]) => kib > SMALL),
    );
  return Object.fromEntries(Object.entries(loads).map(([script, modules]) => [script, row(modules)]));
}

function named(modules) {
  const largest = [...modules].sort((a, b) => b.bytes - a.bytes).slice(0, SHOWN);
  const more = modules.length > SHOWN ? ` and ${modules.length - SHOWN} more` : "";
  return `${largest.map(({ module }) => module).join(", ")}${more}`;
}

/** Returns a line for each part that a script loads beyond its limit. */
function overLimits(loads, limits) {
  return Object.entries(loads).flatMap(([script, modules]) => {
    const allowed = limits[script];
    if (allowed === undefined) return [`${script} has no limits`];
    return partsOf(modules).flatMap(([part, { bytes, modules: own }]) => {
      const kib = Math.ceil(bytes / 1024);
      const limit = allowed[part] ?? SMALL;
      return kib <= limit ? [] : [`${script} loads ${kib} KiB of ${part}, over ${limit}: ${named(own)}`];
    });
  });
}

const ADVICE =
  "import it where it is used, or raise the limits: node scripts/loads.mjs --keep, and commit scripts/loads.json";

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const at = process.argv.indexOf("--limits");
  const kept = at < 0 ? join(root, "scripts", "loads.json") : process.argv[at + 1];
  const loads = JSON.parse(readFileSync(join(root, "dist", "loads.json"), "utf8"));
  if (process.argv.includes("--keep")) {
    writeFileSync(kept, `${JSON.stringify(limitsOf(loads), null, 2)}\n`);
  } else {
    const over = overLimits(loads, JSON.parse(readFileSync(kept, "utf8")));
    if (over.length > 0) {
      console.error([...over, ADVICE].join("\n"));
      process.exitCode = 1;
    }
  }
}
