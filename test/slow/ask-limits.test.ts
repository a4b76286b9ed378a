import { expect, vi } from "vitest";
import { askFolder } from "../support/ask-job.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { startLlmServer } from "../support/llm-server.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

needs("ask")("each row is asked once, and all requests that the limit allows are in flight", async () => {
  await using job = await askFolder({ concurrency: 32 });
  await job.writeTexts(Array.from({ length: 3_000 }, (_, row) => `text ${row}`));
  await using server = await startLlmServer({ DELAY_MS: "50", LOG: job.at("server.jsonl") });
  const set = ["--set", "input.shardRows=1000"];
  const ran = await runCli(["run", job.job, "--workers", "1", ...set], {
    env: { ...job.env, LLM_URL: server.url },
  });
  expect(ran).toMatchObject({ code: 0 });
  const { most } = await server.load();
  expect(most).toBe(32);
  expect(server.served.filter(({ kind }) => kind === "answer")).toHaveLength(3_000);
});

needs("ask")("workers share the limit of a job, also while one joins", async () => {
  await using job = await askFolder({ concurrency: 8, headers: { "x-who": "${WHO}" } });
  await job.writeTexts(Array.from({ length: 1_500 }, (_, row) => `text ${row}`));
  await using server = await startLlmServer({ DELAY_MS: "50", LOG: job.at("server.jsonl") });
  const known = { path: job.job, out: job.out, env: { ...job.env, LLM_URL: server.url } };
  const times = ["--lease-ms", "3000", "--heartbeat-ms", "1000"];
  const listening = ["coordinator", job.job, "--listen", "127.0.0.1:0", ...times];
  const { cli, address } = await startListening(known as never, listening);
  await using _cli = cli;
  await using _first = startWorker(known as never, address, [], { env: { WHO: "first" } });
  await vi.waitFor(() => expect(server.served.length).toBeGreaterThan(100), { timeout: 60_000 });
  await using _second = startWorker(known as never, address, [], { env: { WHO: "second" } });
  expect(await cli.ended).toMatchObject({ code: 0 });
  const requests = server.served.filter(({ kind }) => kind === "request");
  expect(requests).toHaveLength(1_500);
  const ofSecond = requests.filter(({ who }) => who === "second").length;
  expect(ofSecond).toBeGreaterThan(150);
  const { most } = await server.load();
  expect(most).toBe(8);
});
