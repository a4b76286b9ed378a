import { defineCommand } from "../../shared/extension/command.ts";
import { DEFAULT_HTTP } from "../../shared/terminal/command-parts.ts";
import {
  type ConnectingArguments,
  connectingOf,
  connectingOptions,
} from "../../shared/terminal/connecting-options.ts";

interface PageArguments extends ConnectingArguments {
  readonly http: string;
}

export const pageCommand = defineCommand({
  options: (yargs) =>
    yargs
      .option("http", {
        type: "string",
        requiresArg: true,
        default: DEFAULT_HTTP,
        describe: "HOST:PORT of the coordinator's option --http",
      })
      .options(connectingOptions)
      .example("$0 page", "Of a coordinator on this machine: shardmill coordinator --http")
      .example(
        "$0 page --http node1:7435 --tls-ca ca.crt --token-file read.token",
        "Of another coordinator, with a token",
      ),
  async run(args: PageArguments) {
    const { postAs } = await import("../../shared/serving/post.ts");
    const { parseAddress } = await import("../../shared/wire/address.ts");
    const { origin, answer } = await postAs(
      await connectingOf(args),
      parseAddress(args.http, "connect", "--http"),
      "/session/login",
    );
    // The fragment after # is not sent by browsers, so no proxy logs it.
    process.stdout.write(`${origin}/#login=${answer.login}\n`);
  },
});
