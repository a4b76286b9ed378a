import { queueContract } from "../../contract/queue-contract.ts";
import { hasRabbitMq, startRabbitMq } from "../../support/queues/rabbitmq-broker.ts";

// Debian has it as a package; elsewhere it is left out.
if (hasRabbitMq)
  queueContract("RabbitMQ", startRabbitMq, { keepsOrder: true, tellsAgain: true, quietMs: 1_500 });
