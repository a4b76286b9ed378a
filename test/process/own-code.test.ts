import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { startWordService } from "../../examples/own-code/service.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

needs("code")(
  "the own-code example filters and explodes rows, and retries a service that fails sometimes",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "shardmill-own-code-"));
    try {
      await using service = await startWordService();
      const job = join(packageRoot, "examples/own-code/job.yaml");
      const set = [
        "--set",
        `output.path=${folder}/out`,
        "--set",
        "input.where=split = 'test' AND id % 50 = 0",
      ];
      const run = await runCli(["run", job, "--workers", "1", "--json", ...set], {
        env: { WORDS_URL: service.url },
      });
      expect(run).toMatchObject({ code: 3 });
      const rows = `read_parquet('${folder}/out/rows/*.parquet')`;
      const words = "['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']";
      const [counts] = await query(
        `SELECT count(DISTINCT id) > 10, count(*) = 3 * count(DISTINCT id), bool_and(word = ${words}[digit]),
        sum((digit = label)::INTEGER) > 0.7 * count(*) FROM ${rows}`,
      );
      expect(counts).toEqual([true, true, true, true]);
      expect(
        await query(`SELECT DISTINCT stage, message FROM read_parquet('${folder}/out/_errors/*.pq')`),
      ).toEqual([["finish", "map.finish[0]: no word for 0 (words.ts:22:32)"]]);
      expect(service.calls.failed).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
