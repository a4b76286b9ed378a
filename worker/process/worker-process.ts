import { serveSupervisor } from "./serve-supervisor.ts";

// Entry of a worker's process, which a supervisor starts.
serveSupervisor(import("./worker-main.ts").then(({ startWorker }) => startWorker()));
