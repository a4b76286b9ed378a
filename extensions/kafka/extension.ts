import type { Extension } from "../../shared/extension/extension.ts";
import { parseKafka } from "./address.ts";

/** Apache Kafka, and other brokers with its protocol. */
export const kafka: Extension = {
  name: "kafka",
  queue: {
    title: "Kafka (`kafka://`)",
    form: "kafka://HOST:PORT,HOST:PORT/TOPIC",
    accepts: (address) => parseKafka(address) !== null,
    openSource: async (address, options) => new (await import("./source.ts")).KafkaSource(address, options),
    openSink: async (address) => new (await import("./sink.ts")).KafkaSink(address),
  },
};
