import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AnswerLog } from "../../../extensions/ask/answer-log.ts";
import { ShardLogs } from "../../../extensions/ask/shard-logs.ts";
import { shardId } from "../../../shared/domain/shard.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-answers-"));
});
afterEach(() => rm(folder, { recursive: true }));

const aShard = (rowStart: number, rowEnd: number) => ({ id: shardId(0), rowStart, rowEnd });
const reply = (body: string, status = 200) => ({ status, body });

it("a reply is in the file before the next call, and in the next log of the shard", async () => {
  using log = await AnswerLog.open(folder, aShard(0, 10));
  log.add("k", reply("no\nJSON"));
  log.add("k", reply("second", 400));
  expect(await readFile(join(folder, "0-10.jsonl"), "utf8")).toMatch(/^\{"key":"k".*\}\n\{.*\}\n$/);
  using again = await AnswerLog.open(folder, aShard(0, 10));
  expect(again.of("k")).toEqual([reply("no\nJSON"), reply("second", 400)]);
  expect(again.of("other")).toEqual([]);
});

it("a last line that was not written to the end is skipped, and the next reply is whole", async () => {
  (await AnswerLog.open(folder, aShard(0, 10))).add("a", reply("1"));
  await appendFile(join(folder, "0-10.jsonl"), '{"key":"b","sta');
  (await AnswerLog.open(folder, aShard(0, 10))).add("c", reply("3"));
  using log = await AnswerLog.open(folder, aShard(0, 10));
  expect(["a", "b", "c"].map((key) => log.of(key).length)).toEqual([1, 0, 1]);
});

it("halves of a shard have its replies, and other shards do not", async () => {
  (await AnswerLog.open(folder, aShard(0, 10))).add("k", reply("1"));
  const found = [aShard(0, 5), aShard(5, 10), aShard(10, 20)].map(async (shard) => {
    using log = await AnswerLog.open(folder, shard);
    return log.of("k").length;
  });
  expect(await Promise.all(found)).toEqual([1, 1, 0]);
});

it("a folder that cannot be used refuses the worker, with the path", async () => {
  await writeFile(join(folder, "file"), "");
  const opening = AnswerLog.open(join(folder, "file"), aShard(0, 1));
  await expect(opening).rejects.toMatchObject({
    code: "CACHE_FAILED",
    message: expect.stringContaining(folder),
  });
});

it("logs of many shards are closed when no record batch uses them", async () => {
  await using logs = new ShardLogs(folder);
  for (let shard = 0; shard < 20; shard += 1)
    await logs.use(aShard(shard, shard + 1), async (log) => log.add("k", reply(String(shard))));
  const bodies = await logs.use(aShard(0, 20), async (log) => log.of("k").length);
  expect(bodies).toBe(20);
});
