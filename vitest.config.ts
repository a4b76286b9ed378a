import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";
import { testCacheFolder, testSecretFile } from "./test/support/test-cache.ts";

export default defineConfig({
  test: {
    // Those with other people's clients need these to be there: npm run clients.
    ...(process.env.SHARDMILL_CLIENTS === undefined
      ? { include: ["test/**/*.test.ts"], exclude: ["test/clients/**"] }
      : { include: ["test/clients/*.test.ts"] }),
    // Integration tests start real processes, and wait for them about as much as they compute: three files
    // keep two cores busy.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // ONNX Runtime would leave a log in the temporary folder for each process that loads it; and no test may
    // read or fill the cache of whoever runs it, or ask for that person's secret.
    env: {
      ORT_DISABLE_TELEMETRY: "1",
      SHARDMILL_CACHE: testCacheFolder,
      SHARDMILL_SECRET_FILE: testSecretFile,
    },
    globalSetup: ["test/support/test-cache.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
