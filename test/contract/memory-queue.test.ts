import { MemoryBroker } from "../support/queues/memory-broker.ts";
import { queueContract } from "./queue-contract.ts";

queueContract("a broker in memory", async () => new MemoryBroker(), {
  keepsOrder: true,
  marksRepeats: true,
  quietMs: 20,
});
