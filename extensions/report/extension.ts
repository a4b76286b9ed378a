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
  sidecar: {
    key: "report",
    says: "`true`: writes a page about the run, `_report.html`, next to the manifest. See [report](#report). The manifest then also contains the job as it was read, with the values of variables.",
    file: "_report.html",
    load: async () => (await import("./render-report.ts")).renderReport,
  },
};
