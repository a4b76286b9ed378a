import type { Extension } from "../../shared/extension/extension.ts";

/** Runs of jobs by schedules, by new files, and by queue messages. */
export const serve: Extension = {
  name: "serve",
  runs: {
    at: {
      says: "Run of a job with a schedule: its time, as in 2026-11-28T02:30+01:00, or its id",
      usual: "the latest due run",
    },
    load: async () => (await import("./spec/trigger-key.ts")).TRIGGER_KEY,
  },
  command: [
    {
      usage: "serve <jobs..>",
      says: "Run jobs whenever their triggers fire, and resume after a restart",
      follows: "watch",
      load: async () => (await import("./command.ts")).serveCommand,
    },
    {
      usage: "runs <job>",
      says: "List past runs of a job with several runs, and the next ones of its schedule",
      follows: "watch",
      load: async () => (await import("./runs-command.ts")).runsCommand,
    },
  ],
};
