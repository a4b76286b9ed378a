import type { Extension } from "../../shared/extension/extension.ts";

/** Runs of jobs by schedules, by new files, and by queue messages. */
export const serve: Extension = {
  name: "serve",
  runs: {
    at: {
      says: "Which run of a job with a schedule: a time of it, as in 2026-11-28T02:30+01:00, or a run's id",
      usual: "the last that has come",
    },
    load: async () => (await import("./spec/trigger-key.ts")).TRIGGER_KEY,
  },
  command: [
    {
      usage: "serve <jobs..>",
      says: "Stay, and run jobs whenever their triggers say so; started again, it takes up where it was",
      follows: "watch",
      load: async () => (await import("./command.ts")).serveCommand,
    },
    {
      usage: "runs <job>",
      says: "List the runs of a job that has several: those that were, and the next ones of its schedule",
      follows: "watch",
      load: async () => (await import("./runs-command.ts")).runsCommand,
    },
  ],
};
