import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";
import { SecondTries } from "./test/support/second-tries.ts";
import { testCacheFolder, testSecretFile } from "./test/support/test-cache.ts";

/**
 * Tries after a failure, of tests that kill and starve real processes on a shared machine. CI sets one. Unit
 * and contract tests have none: one that fails at times has a fault.
 */
const retry = Number(process.env.SHARDMILL_RETRIES ?? 0);

function project(name: string, ...include: string[]): TestProjectInlineConfiguration {
  return { extends: true, test: { name, include, retry } };
}

/** Source follows the condition of package.json by this, and compiled code by itself. */
const standsIn = process.env.NODE_OPTIONS?.includes("--conditions=stand-in") === true;
const extensions = new URL(standsIn ? "sim/stand-in.ts" : "extensions/list.ts", import.meta.url);

export default defineConfig({
  // The source, as of all that tests import. Threads and processes that tests start run compiled code.
  resolve: { alias: { "#extensions": fileURLToPath(extensions) } },
  test: {
    projects: [
      { extends: true, test: { name: "test-rules", include: ["test/*.test.ts"] } },
      // Few processes for all files, not one each: else the same imports are loaded again for every file.
      { extends: true, test: { name: "test-unit", include: ["test/unit/**/*.test.ts"], isolate: false } },
      { extends: true, test: { name: "test-seams", include: ["test/contract/*.test.ts"], isolate: false } },
      project("test-processes", "test/integration/*.test.ts", "test/sim/*.test.ts"),
      // With a command of their own each: they take long, or need other people's clients.
      project("proofs", "test/proofs/*.test.ts"),
      project("clients", "test/clients/*.test.ts"),
      project("stores", "test/stores/*.test.ts"),
      project("queues", "test/queues/*.test.ts"),
      project("readers", "test/readers/*.test.ts"),
      project("seen", "test/seen/*.test.ts"),
      project("page", "test/page/*.test.ts"),
      project("schedulers", "test/schedulers/*.test.ts"),
      project("compatibility", "test/compatibility/*.test.ts"),
      project("manifests", "test/manifests/*.test.ts"),
      project("kubernetes", "test/kubernetes/*.test.ts"),
      project("seaweedfs", "test/stores/seaweedfs/*.test.ts"),
    ],
    // Tests of real processes wait about as much as they compute: four files keep two cores busy. Proofs have
    // many processes each, and clocks that must not be late: npm run proofs takes two.
    maxWorkers: 4,
    reporters: ["default", new SecondTries()],
    sequence: { sequencer: LongestFirst },
    // ONNX Runtime would leave a log in the temporary folder for each process that loads it; and no test may
    // read or fill the cache of whoever runs it, or ask for that person's secret.
    env: {
      ORT_DISABLE_TELEMETRY: "1",
      SHARDMILL_CACHE: testCacheFolder,
      SHARDMILL_STATE: `${testCacheFolder}/state`,
      SHARDMILL_SECRET_FILE: testSecretFile,
      SHARDMILL_TOKENS_FILE: `${testSecretFile}-tokens`,
      SHARDMILL_TOKEN: "",
    },
    globalSetup: ["test/support/test-cache.ts"],
    // Machines were seen ten times slower than a quiet one: these end what hangs, and prove no speed.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
