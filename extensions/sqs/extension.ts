import type { Extension } from "../../shared/extension/extension.ts";
import { parseSqs } from "./address.ts";

/** Amazon SQS, and other services with its protocol. */
export const sqs: Extension = {
  name: "sqs",
  queue: {
    title: "SQS (its `https://` URL)",
    form: "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME",
    accepts: (address) => parseSqs(address) !== null,
    openSource: async (address, options) => new (await import("./source.ts")).SqsSource(address, options),
    openSink: async (address) => new (await import("./sink.ts")).SqsSink(address),
  },
};
