import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";
import { SecondTries } from "./test/support/second-tries.ts";
import { testCacheFolder, testSecretFile } from "./test/support/test-cache.ts";

/**
 * Retries of tests that kill and starve real processes on a shared machine. CI sets one. Unit and contract
 * tests have none, because a flaky one has a fault.
 */
const retry = Number(process.env.SHARDMILL_RETRIES ?? 0);

function project(name: string, ...include: string[]): TestProjectInlineConfiguration {
  return { extends: true, test: { name, include, retry } };
}

/**
 * True when source files use the condition `stand-in` of package.json. Compiled code resolves it without
 * help.
 */
const standsIn = process.env.NODE_OPTIONS?.includes("--conditions=stand-in") === true;
const extensions = new URL(standsIn ? "sim/stand-in.ts" : "extensions/list.ts", import.meta.url);

const UNIT = ["test/unit/**/*.test.ts", "test/extensions/**/*.test.ts"];

export default defineConfig({
  // Source files, like all imports of tests. Threads and processes that tests start run compiled code.
  resolve: { alias: { "#extensions": fileURLToPath(extensions) } },
  test: {
    projects: [
      { extends: true, test: { name: "test-rules", include: ["test/*.test.ts"] } },
      // Few processes for all files. With one for each, the same imports would be loaded again for every
      // file.
      { extends: true, test: { name: "test-unit", include: UNIT, isolate: false } },
      {
        extends: true,
        test: { name: "test-machine", include: ["test/machine/**/*.test.ts"], isolate: false },
      },
      { extends: true, test: { name: "test-seams", include: ["test/contract/*.test.ts"], isolate: false } },
      project("test-processes", "test/process/*.test.ts", "test/process/sim/*.test.ts"),
      // Each has a command of its own, because these tests take long or need third-party programs.
      project("proofs", "test/slow/*.test.ts"),
      project("clients", "test/external/clients/*.test.ts"),
      project("stores", "test/external/stores/*.test.ts"),
      project("queues", "test/external/queues/*.test.ts"),
      project("tutorials", "test/external/tutorials/*.test.ts"),
      project("readers", "test/external/readers/*.test.ts"),
      project("seen", "test/external/prometheus/*.test.ts"),
      project("page", "test/external/browser/*.test.ts"),
      project("schedulers", "test/external/slurm/*.test.ts"),
      project("compatibility", "test/external/compatibility/*.test.ts"),
      project("manifests", "test/external/manifests/*.test.ts"),
      project("kubernetes", "test/external/kubernetes/*.test.ts"),
      project("seaweedfs", "test/external/stores/seaweedfs/*.test.ts"),
    ],
    // Tests of real processes wait about as much as they compute, so four files keep two cores busy. Proofs
    // have many processes each, and clocks that must not be late. So npm run proofs takes two.
    maxWorkers: 4,
    reporters: ["default", new SecondTries()],
    sequence: { sequencer: LongestFirst },
    // ONNX Runtime would leave a log in the temporary folder for each process that loads it. No test may use
    // the cache or the secret of the user.
    env: {
      ORT_DISABLE_TELEMETRY: "1",
      SHARDMILL_CACHE: testCacheFolder,
      SHARDMILL_STATE: `${testCacheFolder}/state`,
      SHARDMILL_SECRET_FILE: testSecretFile,
      SHARDMILL_TOKENS_FILE: `${testSecretFile}-tokens`,
      SHARDMILL_TOKEN: "",
    },
    globalSetup: ["test/support/test-cache.ts"],
    // Machines may be ten times slower than a quiet one. These limits end hanging tests, and prove no speed.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
