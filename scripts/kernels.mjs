// Makes extensions/image/resample-wasm.ts of resample.wat: inner loops in WebAssembly's text format, as bytes
// that the bundle holds like any other code. The file is kept in the repository, and `npm run check` compares
// it with its source. After a change: npm run kernels.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "extensions", "image");
const kept = join(folder, "resample-wasm.ts");

const { parseWat } = await wabt();
const module = parseWat("resample.wat", readFileSync(join(folder, "resample.wat"), "utf8"), { simd: true });
module.validate();
const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
const lines = (base64.match(/.{1,100}/g) ?? []).map((line) => `  "${line}"`);
const made = [
  "/** Made of resample.wat: npm run kernels. */",
  "export const RESAMPLE_WASM: Buffer = Buffer.from(",
  `${lines.join(" +\n  ")},`,
  '  "base64",',
  ");",
  "",
].join("\n");

if (!process.argv.includes("--check")) writeFileSync(kept, made);
else if (readFileSync(kept, "utf8") !== made) {
  console.error("extensions/image/resample-wasm.ts differs from resample.wat: run npm run kernels");
  process.exitCode = 1;
}
