import { cp } from "node:fs/promises";
import { fetchModel } from "./fetch-model.ts";
import { minilm } from "./sources/minilm.ts";
import type { ModelSource } from "./sources/model-source.ts";
import { openNsfw } from "./sources/open-nsfw.ts";
import { pictures } from "./sources/pictures.ts";
import { recordings } from "./sources/recordings.ts";
import { silero } from "./sources/silero.ts";

/** Copies a model, or data, of the tutorials: `node dist/examples/models/fetch.js NAME FOLDER`. */

const SOURCES: Readonly<Record<string, ModelSource>> = {
  minilm,
  "open-nsfw": openNsfw,
  pictures,
  recordings,
  silero,
};

const [name = "", folder] = process.argv.slice(2);
const source = SOURCES[name];
if (source === undefined || folder === undefined) {
  console.error(`usage: node dist/examples/models/fetch.js ${Object.keys(SOURCES).join("|")} FOLDER`);
  process.exit(2);
}
await cp(await fetchModel(source), folder, { recursive: true });
