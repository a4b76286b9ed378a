// Makes dist/bundle/ of the sources: the command line and every script that it starts as a thread or a
// process, each with what it needs in a few files, libraries included. Loading a thousand small modules takes
// half a second of computing a run. Plain JavaScript, because it runs before anything is built.
import { copyFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = ["cli", "coordinator", "estimate", "shared", "worker"];

/**
 * They load native code or WebAssembly that lies beside them; the decoders of sound also a library of another
 * licence, which stays apart from this program.
 */
const LEFT_OUT = [
  "@anush008/tokenizers",
  "@duckdb/node-api",
  "@platformatic/kafka",
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

/** They read .proto files from their own folder, by `__dirname`, which a bundled module does not have. */
const keepFolders = {
  name: "keep-folders",
  setup({ onLoad }) {
    onLoad(
      { filter: /node_modules\/(grpc-health-check|@grpc\/reflection)\/build\/src\/.*\.js$/ },
      ({ path }) => {
        const [, library, inside] = /node_modules\/((?:@grpc\/)?[^/]+)\/(.*)\/[^/]+$/.exec(path);
        const folder = `require("node:path").join(require.resolve("${library}"), "..", "..", "..", "${inside}")`;
        return { contents: readFileSync(path, "utf8").replaceAll("__dirname", folder), loader: "js" };
      },
    );
  },
};

/** Libraries that are CommonJS ask for Node's own modules by `require`. A name that no source uses. */
const REQUIRE =
  'import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);';

/** What the sources start, by the calls that name it. */
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

const outdir = join(root, "dist", "bundle");
// Chunks are named after their content: those of the build before would stay.
rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ["cli/main.ts", ...startedScripts()],
  outbase: root,
  outdir,
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  external: LEFT_OUT,
  plugins: [keepFolders],
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
});

// The page that the coordinator serves: for browsers, in one file that loads nothing else.
await build({
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
  logLevel: "warning",
});
copyFileSync(join(root, "page", "index.html"), join(outdir, "page", "index.html"));
