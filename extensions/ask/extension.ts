import type { Extension } from "../../shared/extension/extension.ts";
import { type AskOp, askOp, askText } from "./op.ts";
import { type AskSpec, askSpec } from "./spec.ts";

/** Questions about rows to a server with the protocol of OpenAI. */
export const ask: Extension = {
  name: "ask",
  steps: [
    {
      key: "ask",
      says: "Asks a language model at a server about each row. See [answers of a server](ask.md).",
      spec: askSpec,
      loadPlanner: async () => {
        const { planAsk } = await import("./plan-ask.ts");
        return (value, context) => planAsk(value as unknown as AskSpec, context);
      },
      draft: {
        option: "ask",
        says: "A server with the protocol of OpenAI that is asked about each row: http://127.0.0.1:8000",
        load: async () => (await import("./draft-ask.ts")).draftAsk,
      },
      step: {
        kind: "ask",
        data: askOp,
        show: (data) => askText(data as unknown as AskOp),
        waits: (data) => ({ waitMs: Number(data.patienceMs) + Number(data.timeoutMs) }),
        async open(binding, data, options) {
          const { openAskStep } = await import("./ask-step.ts");
          return await openAskStep(binding, data as unknown as AskOp, options);
        },
      },
    },
  ],
};
