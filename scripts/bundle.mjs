// Makes dist/bundle/ of the sources: the command line and every script that it starts as a thread or a
// process. Each has what it needs in a few files, libraries included. Loading a thousand small modules would
// add half a second of CPU time to a run. Plain JavaScript, because it runs before anything is built.
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeLicences } from "./bundled-licences.mjs";
import { loadsOf } from "./loads.mjs";
import { mergeChunks } from "./merge-chunks.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = ["cli", "coordinator", "extensions", "shared", "worker"];

/**
 * Libraries outside the bundle, because they load native code or WebAssembly from their own folder. One
 * decoder also loads a library of another licence, which stays a separate package. An installed package needs
 * only these and Arrow's types: `dependencies` in package.json, as a test checks. DuckDB's JavaScript is in the
 * bundle, at the version of its native half. It has sixty files, which took 0.2 s of CPU time to load.
 */
const EXTERNAL = [
  "@anush008/tokenizers",
  "@duckdb/node-bindings",
  "@wasm-audio-decoders/flac",
  "@wasm-audio-decoders/ogg-vorbis",
  "esbuild",
  "koffi",
  "lz4-napi",
  "mpg123-decoder",
  "onnxruntime-node",
  "opus-decoder",
  "parquet-wasm",
  "roaring-wasm",
  "sharp",
];

/** Libraries that read proto files by `__dirname`, and the folder of these files. */
const PROTO_FOLDERS = { "grpc-health-check": "proto", "@grpc/reflection": "build/proto/grpc" };

/** Folder of the proto files in the package, with the paths that they have in their libraries. */
const LIBRARY_FILES = "dist/bundle/libraries";

/** Points `__dirname`, which bundled modules lack, to the copies of the proto files. */
const keepFolders = {
  name: "keep-folders",
  setup({ onLoad }) {
    onLoad(
      { filter: /node_modules\/(grpc-health-check|@grpc\/reflection)\/build\/src\/.*\.js$/ },
      ({ path }) => {
        const [, inside] = /node_modules\/(.*)\/[^/]+$/.exec(path);
        const folder = `require("node:path").resolve(require.resolve("shardmill/package.json"), "../${LIBRARY_FILES}/${inside}")`;
        return { contents: readFileSync(path, "utf8").replaceAll("__dirname", folder), loader: "js" };
      },
    );
  },
};

/**
 * Loads `string-width` with the first text that is not plain ASCII. The library builds a table of all emoji,
 * which takes 30 ms of CPU time. Every command imports it, directly or through yargs.
 */
const lazyWidth = {
  name: "lazy-width",
  setup({ onResolve, onLoad }) {
    const namespace = "lazy-width";
    onResolve({ filter: /^string-width$/ }, ({ namespace: importer }) =>
      importer === namespace
        ? { path: join(root, "node_modules", "string-width", "index.js") }
        : { path: "string-width", namespace },
    );
    onLoad({ filter: /.*/, namespace }, () => ({
      resolveDir: root,
      contents: `let whole;
        export default (text, options) => {
          if (/^[ -~]*$/.test(text)) return text.length;
          whole ??= require("string-width").default;
          return whole(text, options);
        };`,
    }));
  },
};

/**
 * Drops the parser of proto files from gRPC. Only `channelz` and load reports use it, which nothing here
 * serves. Our own messages come from proto/messages.json.
 */
const withoutParser = {
  name: "without-parser",
  setup({ onResolve, onLoad }) {
    const namespace = "without-parser";
    onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ importer }) =>
      /node_modules\/@grpc\/grpc-js\//.test(importer) ? { path: "@grpc/proto-loader", namespace } : null,
    );
    onLoad({ filter: /.*/, namespace }, () => ({
      contents: 'exports.loadSync = () => { throw new Error("broken invariant: no proto file is parsed"); };',
    }));
  },
};

/**
 * Gives our own code a copy of the .proto loader without the parser, and without descriptors of messages. They
 * take most of its time, and nothing reads them: reflection uses proto/descriptors.binpb. Libraries that parse
 * proto files have the loader as it is.
 */
const leanLoader = {
  name: "lean-loader",
  setup({ onResolve, onLoad }) {
    const namespace = "lean-loader";
    const folder = join(root, "node_modules", "@grpc", "proto-loader", "build", "src");
    const own = (path) => ({ path, namespace });
    onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ importer }) =>
      importer.includes("node_modules") ? null : own("index.js"),
    );
    onResolve({ filter: /^(\.\/util|protobufjs|protobufjs\/.*\/(descriptor|\w+\.json))$/ }, (imported) => {
      if (imported.namespace !== namespace) return null;
      return own(imported.path === "./util" ? "util.js" : imported.path);
    });
    onLoad({ filter: /\.js$/, namespace }, ({ path }) => ({
      contents: readFileSync(join(folder, path), "utf8"),
      resolveDir: folder,
    }));
    onLoad({ filter: /^protobufjs$/, namespace }, () => ({
      contents: `module.exports = require("protobufjs/light.js");
        module.exports.common = require("protobufjs/src/common.js");`,
      resolveDir: root,
    }));
    // Messages of Google's own files, of which ours use none.
    onLoad({ filter: /\.json$/, namespace }, () => ({
      contents: "exports.nested = { google: { nested: { protobuf: { nested: {} } } } };",
    }));
    onLoad({ filter: /descriptor$/, namespace }, () => ({
      contents: `const { Enum, Root, Type } = require("protobufjs/light.js");
        const none = { file: [], $type: { toObject: () => ({}) } };
        for (const { prototype } of [Enum, Root, Type]) prototype.toDescriptor = () => none;`,
      resolveDir: root,
    }));
  },
};

/** Defines `require` for CommonJS libraries that load Node's own modules. No source uses this name. */
const REQUIRE =
  'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);';

/** Lists the scripts that the sources start, by their calls of `compiledUrl`. */
function startedScripts() {
  const scripts = new Set();
  for (const folder of SOURCES) {
    for (const name of readdirSync(join(root, folder), { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      const text = readFileSync(join(root, folder, name), "utf8");
      for (const [, script] of text.matchAll(/compiledUrl\("([^"]+)"\)/g)) scripts.add(script);
    }
  }
  return [...scripts].sort();
}

/** Modules that scripts import when they are used, and that load most of the code. */
const USUAL = [
  "cli/main-command.ts",
  "coordinator/coordinator.ts",
  "shared/sql/locked-database.ts",
  "shared/wire/jobs-client.ts",
  "worker/process/worker-main.ts",
];

const outdir = join(root, "dist", "bundle");
// Chunks have names of their content, so those of the previous build would stay.
rmSync(outdir, { recursive: true, force: true });
const scripts = startedScripts();
const program = await build({
  absWorkingDir: root,
  entryPoints: [...new Set(["cli/main.ts", ...scripts])],
  outbase: root,
  outdir,
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  external: EXTERNAL,
  alias: {
    // Variant with its WebAssembly inside.
    "@platformatic/wasm-utils": "@platformatic/wasm-utils/bundled",
    // Source of the import in package.json.
    "#extensions": "./extensions/list.ts",
  },
  plugins: [keepFolders, lazyWidth, withoutParser, leanLoader],
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: "warning",
});

const roots = ["cli/main.ts", ...scripts, ...USUAL];
const groups = await mergeChunks(program.metafile, { root, outdir, roots });
// Beside the bundle, because only a test reads it.
writeFileSync(
  join(root, "dist", "loads.json"),
  `${JSON.stringify(loadsOf(program.metafile, roots, groups))}\n`,
);

for (const [library, protos] of Object.entries(PROTO_FOLDERS)) {
  cpSync(join(root, "node_modules", library, protos), join(root, LIBRARY_FILES, library, protos), {
    recursive: true,
  });
}

// Page that the coordinator serves: for browsers, in one file that loads nothing else.
const page = await build({
  absWorkingDir: root,
  entryPoints: [{ in: "page/main.tsx", out: "page" }, "page/page.css"],
  outdir: join(outdir, "page"),
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
  target: ["chrome115", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
copyFileSync(join(root, "page", "index.html"), join(outdir, "page", "index.html"));
writeLicences(root, [program.metafile, page.metafile], join(outdir, "LICENSES.txt"));
