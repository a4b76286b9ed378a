import { present } from "../../shared/core/assert.ts";
import { parseQueueAddress, type QueueAddress } from "../../shared/domain/queue-address.ts";
import type { QueueOptions, QueueSink, QueueSource } from "../../shared/extension/queue-source.ts";

/**
 * Opens a queue to take messages from. Its library is loaded only now. Whether it can be reached is seen when
 * deliveries are asked for.
 */
export async function openQueue(address: string, options: QueueOptions): Promise<QueueSource> {
  const parsed = addressOf(address);
  switch (parsed.kind) {
    case "amqp": {
      const { AmqpSource } = await import("../../extensions/amqp/source.ts");
      const aside = options.aside === null ? null : addressOf(options.aside);
      return new AmqpSource(parsed, { ...options, aside: aside?.kind === "amqp" ? aside : null });
    }
    case "sqs": {
      const { SqsSource } = await import("../../extensions/sqs/source.ts");
      const aside = options.aside === null ? null : addressOf(options.aside);
      return new SqsSource(parsed, { ...options, aside: aside?.kind === "sqs" ? aside : null });
    }
    case "kafka": {
      const { KafkaSource } = await import("../../extensions/kafka/source.ts");
      const aside = options.aside === null ? null : addressOf(options.aside);
      return new KafkaSource(parsed, { ...options, aside: aside?.kind === "kafka" ? aside : null });
    }
  }
}

/** Opens a queue to send to. */
export async function openSink(address: string, { log }: Pick<QueueOptions, "log">): Promise<QueueSink> {
  const parsed = addressOf(address);
  switch (parsed.kind) {
    case "amqp": {
      const { AmqpSink } = await import("../../extensions/amqp/sink.ts");
      return new AmqpSink(parsed, { log });
    }
    case "sqs": {
      const { SqsSink } = await import("../../extensions/sqs/sink.ts");
      return new SqsSink(parsed);
    }
    case "kafka": {
      const { KafkaSink } = await import("../../extensions/kafka/sink.ts");
      return new KafkaSink(parsed);
    }
  }
}

function addressOf(address: string): QueueAddress {
  return present(parseQueueAddress(address), "addresses of queues were checked");
}
