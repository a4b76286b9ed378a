// Makes dist/bundle/ of the sources: the command line and every script that it starts as a thread or a
// process. Each has what it needs in a few files, libraries included. Loading a thousand small modules would
// add half a second of CPU time to a run. Plain JavaScript, because it runs before anything is built.
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeLicences } from "./bundled-licences.mjs";
import { loadsOf } from "./loads.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = ["cli", "coordinator", "extensions", "shared", "worker"];

/**
 * Libraries outside the bundle, because they load native code or WebAssembly from their own folder. One
 * decoder also loads a library of another licence, which stays a separate package. An installed package needs
 * only these and Arrow's types: `dependencies` in package.json, as a test checks.
 */
const EXTERNAL = [
  "@anush008/tokenizers",
  "@duckdb/node-api",
  "@wasm-audio-decoders/flac",
  "@wasm-audio-decoders/ogg-vorbis",
  "esbuild",
  "koffi",
  "lz4-napi",
  "mpg123-decoder",
  "onnxruntime-node",
  "opus-decoder",
  "parquet-wasm",
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
 * Gives our own use of the .proto loader no descriptors of messages. It makes one for each message, and takes
 * most of its time for them. Nothing reads them: reflection uses proto/descriptors.binpb.
 */
const withoutDescriptors = {
  name: "without-descriptors",
  setup({ onResolve, onLoad }) {
    const namespace = "without-descriptors";
    // In the loader's own version, and in the form of the library that has no parser.
    const contents = {
      protobufjs: `module.exports = require("protobufjs/light.js");
        module.exports.common = require("protobufjs/src/common.js");`,
      "protobufjs/ext/descriptor": `const { Enum, Root, Type } = require("protobufjs/light.js");
        const none = { file: [], $type: { toObject: () => ({}) } };
        for (const { prototype } of [Enum, Root, Type]) prototype.toDescriptor = () => none;`,
    };
    onResolve({ filter: /^protobufjs($|\/ext\/descriptor$)/ }, ({ path, importer, resolveDir }) =>
      /node_modules\/@grpc\/proto-loader\//.test(importer)
        ? { path, namespace, pluginData: resolveDir }
        : null,
    );
    onLoad({ filter: /.*/, namespace }, ({ path, pluginData }) => ({
      contents: contents[path],
      resolveDir: pluginData,
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
  "shared/wire/client.ts",
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
  plugins: [keepFolders, lazyWidth, withoutParser, withoutDescriptors],
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: "warning",
});

// Beside the bundle, because only a test reads it.
writeFileSync(
  join(root, "dist", "loads.json"),
  `${JSON.stringify(loadsOf(program.metafile, ["cli/main.ts", ...scripts, ...USUAL]))}\n`,
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
