import type { Extension } from "../../shared/extension/extension.ts";

/** Pages about the runs that published outputs. */
export const report: Extension = {
  name: "report",
  command: {
    usage: "report <output>",
    says: "Make a page about the run that published an output: one HTML file",
    follows: "plan",
    load: async () => (await import("./command.ts")).reportCommand,
  },
  beside: {
    key: "report",
    says: "`true`: a page about the run, `_report.html`, beside the manifest: see [report](#report). The manifest keeps the job as it was read then, values of variables too.",
    file: "_report.html",
    load: async () => (await import("./render-report.ts")).renderReport,
  },
};
