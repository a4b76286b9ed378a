import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

const LEAST = 0.7;

function shinglesOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/\w+/g) ?? [];
  return new Set(words.slice(2).map((word, at) => `${words[at]} ${words[at + 1]} ${word}`));
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((shingle) => b.has(shingle)).length;
  return shared / (a.size + b.size - shared);
}

needs("csv-json")("the dedupe example finds the pairs that a comparison of all pairs finds", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-dedupe-"));
  try {
    const example = join(packageRoot, "examples/dedupe");
    const set = [`output.path=${folder}/out`, "input.shardRows=10"].flatMap((each) => ["--set", each]);
    const run = await runCli(["run", join(example, "job.yaml"), "--workers", "1", ...set]);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    const rows = await query(`SELECT id, text FROM read_csv('${example}/texts.csv') ORDER BY id`);
    const texts = rows.map(([id, text]) => ({ id: Number(id), shingles: shinglesOf(String(text)) }));
    const pairs = texts.flatMap((a) =>
      texts.flatMap((b) => {
        const index = a.id < b.id ? jaccard(a.shingles, b.shingles) : 0;
        return index >= LEAST ? [[a.id, b.id, index]] : [];
      }),
    );
    expect(pairs.length).toBeGreaterThan(10);
    const found = await query(
      `SELECT a, b, jaccard FROM read_parquet('${folder}/out/_reduced/pairs/*.pq') ORDER BY a, b`,
    );
    expect(found.map((pair) => pair.map(Number))).toEqual(pairs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
