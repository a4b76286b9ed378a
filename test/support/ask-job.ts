import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { JobFolder } from "./job-folder.ts";

/** Folder of a job without a model that asks a server about texts. */
export interface AskFolder extends AsyncDisposable {
  readonly path: string;
  readonly job: string;
  readonly out: string;
  /** Environment with a cache of its own. */
  readonly env: Readonly<Record<string, string>>;
  at(name: string): string;
  promptOf(row: number): string;
  writeTexts(texts: readonly string[]): Promise<void>;
}

/** Makes the folder. @param step keys of the step in place of the usual ones */
export async function askFolder(step: Readonly<Record<string, unknown>>): Promise<AskFolder> {
  const ask = { url: "${LLM_URL}/v1/chat/completions", model: "m-1", prompt: "Judge: {text}", ...step };
  const folder = await JobFolder.make({
    spec: {
      model: undefined,
      reduce: {},
      input: { path: "./in.csv", shardRows: 50 },
      map: { prepare: [{ ask }] },
      errors: { maxRows: 100 },
    },
  });
  const texts: string[] = [];
  return {
    path: folder.path,
    job: folder.job,
    out: folder.out,
    env: { SHARDMILL_CACHE: folder.at("cache") },
    at: (name) => folder.at(name),
    promptOf: (row) => `Judge: ${texts[row]}`,
    async writeTexts(rows) {
      texts.splice(0, texts.length, ...rows);
      const lines = rows.map((text, id) => `${id},"${text.replaceAll('"', '""')}"\n`);
      await folder.write("in.csv", `id,text\n${lines.join("")}`);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Returns the lines of the answer logs of a folder's cache. */
export async function answersOf(job: AskFolder): Promise<readonly string[]> {
  const cache = join(job.path, "cache", "steps");
  const names = await readdir(cache, { recursive: true }).catch(() => []);
  const logs = names.filter((name) => name.endsWith(".jsonl"));
  const texts = await Promise.all(logs.map((name) => readFile(join(cache, name), "utf8")));
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== ""));
}
