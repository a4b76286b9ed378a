import { workerMain } from "./worker-main.ts";

// The entry that a supervisor starts: see worker-main.ts.
await workerMain();
