// Merges chunks of the bundle that the same scripts load at their start, because each file takes CPU time.
// Without it, each set of scripts and dynamic imports has a chunk, and a worker loads 160.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { joinGroups } from "./join-groups.mjs";
import { filesLoadedBy, loadedFiles } from "./loads.mjs";

/** Import or export of names from another chunk, or import of a chunk without names. */
const IMPORT = /^import (?:\{([^}]*)\} from )?"((?:\.\.?\/)+(?:chunks\/)?)([^"/]+\.js)";$/gm;
const EXPORTED = /^export \{([^}]*)\};$/gm;
/** Wait of a module, at its top level. */
const WAIT = /^(?:(?:var|let|const) [^\n]*= )?await /m;
const BANNER = /^import \{ createRequire as bundleRequire \}.*$/m;

/**
 * Merges the chunks that esbuild's metafile names. A merged chunk has names as in its parts, followed by the
 * number of the part. All other lines stay where they are, as source maps need. The metafile stays as it was.
 * Returns the groups of chunks that are now one file each.
 *
 * @param roots source paths of the scripts, and of modules that load most of the code
 */
export async function mergeChunks({ outputs }, { root, outdir, roots }) {
  const written = new Map(
    Object.keys(outputs)
      .filter((path) => path.endsWith(".js"))
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
  const groups = groupsOf(outputs, written, roots);
  const places = new Map(
    groups.flatMap((paths) =>
      paths.map((path, part) => [basename(path), { file: `${nameOf(paths)}.js`, part }]),
    ),
  );
  const texts = new Map([...written].map(([path, text]) => [path, pointed(text, places, basename(path))]));
  const folder = join(outdir, "chunks");
  const merged = groups.map((paths) => mergeGroup(paths, { folder, root, texts, outputs }));
  await Promise.all(merged);
  for (const [path, text] of texts) if (!places.has(basename(path))) writeFileSync(join(root, path), text);
  for (const path of groups.flat()) for (const each of [path, `${path}.map`]) rmSync(join(root, each));
  return groups;
}

/**
 * Returns groups of chunks that equal roots load, of which small ones are joined. Groups of equal roots do not
 * import each other in a circle. The roots of a chunk load all that it imports.
 *
 * A chunk with a top-level `await` waits for a dynamic import. What it waits for must not come to import it.
 * So chunks that import it are merged apart from others.
 */
function groupsOf(outputs, texts, roots) {
  const users = new Map();
  for (const script of roots) {
    for (const path of loadedFiles({ outputs }, script))
      if (outputs[path].entryPoint === undefined) users.set(path, [...(users.get(path) ?? []), script]);
  }
  const groups = new Map();
  for (const [path, scripts] of users) {
    const fixed = [...filesLoadedBy(outputs, path)].some((each) => WAIT.test(texts.get(each)));
    const key = `${scripts} ${fixed}`;
    const { paths = [] } = groups.get(key) ?? {};
    groups.set(key, { paths: [...paths, path], users: new Set(scripts), fixed });
  }
  const waiting = [...groups.values()].filter(({ fixed }) => fixed).map(({ paths }) => paths);
  const joined = [...joinGroups([...groups.values()], outputs), ...waiting];
  return joined.filter(({ length }) => length > 1).map((paths) => paths.sort());
}

/** Names a group by its chunks. Their names are of their content. */
function nameOf(paths) {
  return `group-${createHash("sha256").update(paths.join()).digest("hex").slice(0, 8).toUpperCase()}`;
}

/** Points the imports of a file to merged chunks, except those of its own group. */
function pointed(text, places, name) {
  const own = places.get(name)?.file;
  return text.replace(IMPORT, (statement, names, folder, target) => {
    const place = places.get(target);
    if (place === undefined || place.file === own) return statement;
    if (names === undefined) return `import "${folder}${place.file}";`;
    const renamed = names.replace(
      /([\w$]+)(?: as ([\w$]+))?/g,
      (_all, theirs, ours = theirs) => `${theirs}_${place.part} as ${ours}`,
    );
    return `import {${renamed}} from "${folder}${place.file}";`;
  });
}

/** Writes one file with all chunks of a group. */
async function mergeGroup(paths, { folder, root, texts, outputs }) {
  const names = new Map(paths.map((path) => [`./${basename(path)}`, path]));
  const exported = paths.map((path, part) => {
    const lists = [...texts.get(path).matchAll(EXPORTED)].map(([, list]) => list);
    const all = lists.flatMap((list) => list.split(",").map((each) => each.trim().split(" as ").at(-1)));
    const named = all.map((name) => `${name} as ${name}_${part}`);
    return named.length === 0
      ? `import "./${basename(path)}";`
      : `export { ${named.join(", ")} } from "./${basename(path)}";`;
  });
  const sources = paths.flatMap((path) => Object.keys(outputs[path].inputs));
  const outfile = join(folder, `${nameOf(paths)}.js`);
  const parts = {
    name: "parts",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path, kind }) => {
        const part = kind === "dynamic-import" ? undefined : names.get(path);
        return part === undefined ? { path, external: true } : { path: join(root, part) };
      });
      onLoad({ filter: /.*/ }, ({ path }) => {
        const text = texts.get(paths.find((each) => join(root, each) === path));
        const rest = text.replace(BANNER, "");
        return { contents: /\b(__)?require\b/.test(rest) ? text : rest, loader: "js" };
      });
    },
  };
  await build({
    absWorkingDir: root,
    stdin: { contents: exported.join("\n"), resolveDir: folder, loader: "js" },
    outfile,
    bundle: true,
    treeShaking: false,
    format: "esm",
    platform: "node",
    target: "node20.19",
    plugins: [parts],
    footer: { js: sources.map((source) => `// ${source}`).join("\n") },
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  });
}
