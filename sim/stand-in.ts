import type { Extension } from "../shared/extension/extension.ts";
import { MemoryStorage } from "../shared/storage/memory.ts";

/**
 * Extensions under the condition `stand-in` of package.json: a store in memory. With it, the simulator and
 * tests of the engine have bucket addresses without any extension.
 */
export const EXTENSIONS: readonly Extension[] = [
  {
    name: "stand-in",
    storage: {
      schemes: {
        s3: {
          bucket: "BUCKET",
          settings: ["endpoint", "region", "addressing", "anonymous", "requesterPays", "profile", "ca"],
          endpoints: { aws: "https://s3.amazonaws.com" },
        },
      },
      open: async () => new MemoryStorage(),
    },
  },
];
