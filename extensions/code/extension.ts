import type { Extension } from "../../shared/extension/extension.ts";
import type { ProgramPart } from "../../shared/extension/program.ts";

const FILE = "a file of your own code (.ts, .js, .mjs), relative to the job file";
const DOCS = "[your own code](#your-own-code)";

/** Bundled JavaScript and TypeScript modules, with their imports. */
const program: ProgramPart = {
  async make(path, where, signal) {
    const { keepBundle } = await import("./plan/cache-bundle.ts");
    return await keepBundle(path, where, signal);
  },
  async checkTypes(modules, signal) {
    const { checkTypes } = await import("./plan/check-types.ts");
    return await checkTypes(modules, { signal });
  },
};

/** Users' own code as steps and reductions. Their files import `api.ts` as `shardmill`. */
export const code: Extension = {
  name: "code",
  steps: [
    {
      key: "module",
      says: `A${FILE.slice(1)}, in a bucket or on the web, whose default export is a step: see ${DOCS}.`,
      spec: (_z, { file }) => file,
      program,
      loadPlanner: async () => (await import("./plan/plan-module.ts")).planStep,
      step: {
        kind: "module",
        data: (z) => z.object({ path: z.string(), timeoutSeconds: z.number() }),
        show: () => "",
        programPath: ({ path }) => String(path),
        async open(binding, data, options) {
          const { openModuleStep } = await import("./threads/module-step.ts");
          return await openModuleStep(binding, Number(data.timeoutSeconds), options);
        },
      },
    },
  ],
  reductions: [
    {
      key: "module",
      says: `Instead of SQL: ${FILE}, whose default export is a reduction: see ${DOCS}.`,
      written: "in your own code",
      program,
      loadPlanner: async () => (await import("./plan/plan-module.ts")).planReduction,
      async open(source) {
        const { OwnReduction } = await import("./threads/reduction-thread-client.ts");
        return new OwnReduction(source);
      },
    },
  ],
};
