import { describe } from "vitest";
import { queueContract } from "../../contract/queue-contract.ts";
import { hasRabbitMq, startRabbitMq } from "../../support/queues/rabbitmq-broker.ts";

// Debian has it as a package. Elsewhere the suite is skipped.
describe.skipIf(!hasRabbitMq)("the RabbitMQ broker of Debian", () => {
  queueContract("RabbitMQ", startRabbitMq, { keepsOrder: true, marksRepeats: true, quietMs: 1_500 });
});
