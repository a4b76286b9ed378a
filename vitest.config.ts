import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Integration tests start real processes; two cores are shared between them.
    maxWorkers: 2,
    // Else ONNX Runtime leaves a log in the temporary folder for each process that loads it.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
