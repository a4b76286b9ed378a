import type { Extension } from "../../shared/extension/extension.ts";
import { parseAmqp } from "./address.ts";

/** RabbitMQ and other brokers that speak AMQP 0-9-1. */
export const amqp: Extension = {
  name: "amqp",
  queue: {
    title: "RabbitMQ (`amqp://`, `amqps://`)",
    form: "amqps://USER:PASSWORD@HOST/VHOST/QUEUE",
    accepts: (address) => parseAmqp(address) !== null,
    openSource: async (address, options) => new (await import("./source.ts")).AmqpSource(address, options),
    openSink: async (address, options) => new (await import("./sink.ts")).AmqpSink(address, options),
  },
};
