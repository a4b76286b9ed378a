import { serveSupervisor } from "./serve-supervisor.ts";

// Script of a worker's process, which a supervisor starts.
serveSupervisor(import("./worker-main.ts").then(({ startWorker }) => startWorker()));
